import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { writeFileDurably } from "../sys/durable.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { ImageLayout } from "./layout.ts";

/** Under which digest a registry has a layer. */
export interface RegistryBlob {
  readonly digest: Digest;
  /** As `docker.io/library/nginx`. */
  readonly repository: string;
  /** Of the credentials that pushed it, in hex; empty after a pull. */
  readonly hmac: string;
}

/** As dockerd: the older ones are forgotten. */
const MAX_BLOBS = 50;

/**
 * What was noted when a layer was pulled or pushed, the last one last; none where it was neither. Fails with
 * CORRUPT_STORE where the record is damaged. Format: moby, distribution/metadata/v2_metadata_service.go.
 */
export function readRegistryBlobs(layout: ImageLayout, diffID: Digest): RegistryBlob[] {
  const path = blobsPath(layout, diffID);
  const text = readIfThere(path);
  if (text === null) return [];
  try {
    const found = JSON.parse(text) as { Digest: string; SourceRepository: string; HMAC?: string }[];
    return found.map(({ Digest, SourceRepository, HMAC = "" }) => ({
      digest: parseDigest(Digest),
      repository: SourceRepository,
      hmac: HMAC,
    }));
  } catch (cause) {
    throw new LayerfsError("CORRUPT_STORE", `${path} is damaged: ${(cause as Error).message}`, {
      hint: "remove it; it only spares dockerd the upload of what a registry has already",
      cause,
    });
  }
}

/**
 * Notes that a registry has a layer; in Docker's form and, as it does, last among those of the layer. Durable. A damaged
 * record is written anew.
 */
export function noteRegistryBlob(layout: ImageLayout, diffID: Digest, blob: RegistryBlob): void {
  const before = readUnlessDamaged(layout, diffID);
  const isSame = (other: RegistryBlob | undefined): boolean =>
    other?.digest === blob.digest && other.repository === blob.repository && other.hmac === blob.hmac;
  if (!isSame(before.at(-1))) {
    const all = [...before.filter((other) => !isSame(other)), blob].slice(-MAX_BLOBS);
    const json = all.map(({ digest, repository, hmac }) => ({
      Digest: digest,
      SourceRepository: repository,
      HMAC: hmac,
    }));
    writeRecord(layout, blobsPath(layout, diffID), JSON.stringify(json));
  }
  const path = diffIDPath(layout, blob.digest);
  if (readIfThere(path) !== diffID) writeRecord(layout, path, diffID);
}

function readUnlessDamaged(layout: ImageLayout, diffID: Digest): RegistryBlob[] {
  try {
    return readRegistryBlobs(layout, diffID);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return [];
    throw error;
  }
}

function writeRecord(layout: ImageLayout, path: string, text: string): void {
  makeDirectories(layout.distribution, 0o700);
  makeDirectories(dirname(path), 0o755);
  writeFileDurably(path, text, { mode: 0o644 });
}

function blobsPath(layout: ImageLayout, diffID: Digest): string {
  return join(layout.distribution, "v2metadata-by-diffid", "sha256", digestHex(diffID));
}

function diffIDPath(layout: ImageLayout, blob: Digest): string {
  return join(layout.distribution, "diffid-by-digest", digestAlgorithm(blob), digestHex(blob));
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
