import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { throwIfCancelled } from "../core/cancellation.ts";
import type { ImageDestination, OutgoingImage } from "../core/destination.ts";
import { digestAlgorithm, digestHex } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import { parseIndex } from "../core/image-index.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";
import { MEDIA_TYPE } from "../core/media-types.ts";
import { writeFileDurably } from "../sys/durable.ts";
import { fromNodeError } from "../sys/errno.ts";
import { acquireLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readFile } from "./layout-blobs.ts";
import { FULL_NAME, type IndexEntry, indexEntries, LAYOUT_FILE, REF_NAME } from "./layout-documents.ts";
import { layoutInDirectory } from "./layout-files.ts";
import { fileOutput } from "./output.ts";

const INDEX = "index.json";
const LAYOUT = "oci-layout";

/**
 * An OCI layout in a directory (image-spec, image-layout.md), which is made with its first blob if it is absent. Each blob is durable before
 * the index names it, and the index is replaced at once: after a crash the layout holds what it held, or more. Images
 * that are there stay, but for those whose name an image of this call takes (`name` in place of the images' own), or
 * which are the same image without a name. Any number of writers may work at once.
 *
 * Fails with CONFLICT where the directory holds something else.
 */
export function layoutWriter(path: string, name: string | null): ImageDestination {
  const directory = resolve(path);
  refuseOther(directory, path);
  const pathOf = (digest: OutgoingImage["descriptor"]["digest"]): string =>
    join(directory, "blobs", digestAlgorithm(digest), digestHex(digest));
  return {
    form: "oci",
    compression: "none",
    takesOne: name !== null,
    hasBlob: async ({ digest, size }) => sizeOf(pathOf(digest)) === size,
    async putBlob({ digest, open }, { signal }) {
      makeDirectories(join(directory, "blobs", digestAlgorithm(digest)), 0o755);
      await using output = await fileOutput(pathOf(digest), { mode: 0o644 });
      for await (const chunk of open()) {
        throwIfCancelled(signal);
        await output.write(chunk);
      }
      await output.commit();
    },
    async putManifest({ digest, bytes }) {
      makeDirectories(join(directory, "blobs", digestAlgorithm(digest)), 0o755);
      if (sizeOf(pathOf(digest)) !== bytes.length) writeFileDurably(pathOf(digest), bytes, { mode: 0o644 });
    },
    async commit(images, { signal }) {
      const added = images.flatMap((image) => indexEntries(image, name));
      using _lock = await acquireLock(directory, "exclusive", { signal });
      if (sizeOf(join(directory, LAYOUT)) === null) {
        writeFileDurably(join(directory, LAYOUT), LAYOUT_FILE, { mode: 0o644 });
      }
      const index = withEntries(await readIndex(path), added);
      const bytes = Buffer.from(JSON.stringify(index));
      if (bytes.length > MAX_JSON_BYTES) throw tooLarge(path, bytes.length);
      writeFileDurably(join(directory, INDEX), bytes, { mode: 0o644 });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The whole document, with fields that are not known here. */
type IndexDocument = Readonly<Record<string, unknown>> & { readonly manifests: readonly IndexEntry[] };

function withEntries(index: IndexDocument, added: readonly IndexEntry[]): IndexDocument {
  const kept = index.manifests.filter((entry) => !added.some((other) => takesPlaceOf(other, entry)));
  return { ...index, manifests: [...kept, ...added] };
}

/** A whole name takes the place of the same one, a bare `ref.name` that of everything found by it. */
function takesPlaceOf(added: IndexEntry, { digest, annotations }: IndexEntry): boolean {
  const [full, ref] = [added.annotations?.[FULL_NAME], added.annotations?.[REF_NAME]];
  if (full !== undefined) return annotations?.[FULL_NAME] === full || annotations?.[REF_NAME] === full;
  if (ref !== undefined) return annotations?.[REF_NAME] === ref || annotations?.[FULL_NAME] === ref;
  return digest === added.digest && annotations?.[REF_NAME] === undefined && annotations?.[FULL_NAME] === undefined;
}

async function readIndex(path: string): Promise<IndexDocument> {
  const files = layoutInDirectory(path);
  try {
    if (!files.has(INDEX)) return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] };
    // Parsed for its checks; its entries are kept as they are written.
    return parseIndex(await readFile(files, INDEX)).raw as IndexDocument;
  } finally {
    await files.close();
  }
}

function refuseOther(directory: string, path: string): void {
  if (sizeOf(join(directory, LAYOUT)) !== null || sizeOf(join(directory, INDEX)) !== null) return;
  // Another writer may have begun, and has written no index yet.
  const others = namesIn(directory).filter((name) => name !== "blobs" && !/^\..*\.tmp$/.test(name));
  if (others.length === 0) return;
  throw new LayerfsError("CONFLICT", `${printable(path)} is not empty and no OCI layout`, {
    hint: "give a directory that is absent, empty or an OCI layout",
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fromNodeError(error, "read directory", directory);
  }
}

function sizeOf(file: string): number | null {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}

function tooLarge(path: string, size: number): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `OCI layout ${printable(path)}: its ${INDEX} would have ${size} bytes, expected at most ${MAX_JSON_BYTES}`,
  );
}
