import { createHash } from "node:crypto";
import type { Descriptor } from "../core/descriptor.ts";
import { digestAlgorithm } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import type { Extent } from "../core/image.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";
import { readExtent } from "./extent.ts";
import type { LayoutFiles } from "./layout-files.ts";

/**
 * A manifest, index or config that a descriptor names: its own `data`, else the blob, verified by size and digest.
 * Codes: INVALID_ARCHIVE (missing), LIMIT_EXCEEDED (more than MAX_JSON_BYTES), DIGEST_MISMATCH.
 */
export async function readDocument(files: LayoutFiles, descriptor: Descriptor): Promise<Uint8Array> {
  if (descriptor.size > MAX_JSON_BYTES) throw tooLarge(files, `document ${descriptor.digest}`, descriptor.size);
  const bytes = descriptor.data ?? (await readWhole(blobExtent(files, descriptor), files.title));
  if (bytes.length !== descriptor.size) throw wrongSize(files, descriptor, bytes.length);
  const algorithm = digestAlgorithm(descriptor.digest);
  const found = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (found === descriptor.digest) return bytes;
  throw new LayerfsError(
    "DIGEST_MISMATCH",
    `${files.title}: blob ${descriptor.digest}: its bytes have the digest ${found}`,
    { hint: "the layout is damaged; make or copy it again" },
  );
}

/** Where a blob lies; its size is verified, its digest not yet. */
export function blobExtent(files: LayoutFiles, descriptor: Descriptor): Extent {
  const extent = files.file(`blobs/${descriptor.digest.replace(":", "/")}`);
  if (extent.length !== descriptor.size) throw wrongSize(files, descriptor, extent.length);
  return extent;
}

/** A file of the layout as it is, of at most MAX_JSON_BYTES. */
export async function readFile(files: LayoutFiles, path: string): Promise<Uint8Array> {
  const extent = files.file(path);
  if (extent.length > MAX_JSON_BYTES) throw tooLarge(files, path, extent.length);
  return readWhole(extent, files.title);
}

async function readWhole(extent: Extent, title: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readExtent(extent, title)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function tooLarge(files: LayoutFiles, object: string, size: number): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `${files.title}: ${object} has ${size} bytes, expected at most ${MAX_JSON_BYTES}`,
  );
}

function wrongSize(files: LayoutFiles, { digest, size }: Descriptor, found: number): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `${files.title}: blob ${digest}: expected ${size} bytes, found ${found}`, {
    hint: "the layout is damaged; make or copy it again",
  });
}
