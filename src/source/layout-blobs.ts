import type { Descriptor } from "../core/descriptor.ts";
import type { Extent } from "../core/image.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";
import { type Documents, readDocument, tooLarge, wrongSize } from "./documents.ts";
import { readExtent } from "./extent.ts";
import type { LayoutFiles } from "./layout-files.ts";

const REMEDY = "the layout is damaged; make or copy it again";

/** The documents of a layout. Further code: INVALID_ARCHIVE (missing). */
export function layoutDocuments(files: LayoutFiles): Documents {
  const documents: Documents = {
    title: files.title,
    remedy: REMEDY,
    read: (descriptor) =>
      readDocument(documents, descriptor, async () => readWhole(blobExtent(files, descriptor), files.title)),
  };
  return documents;
}

/** Where a blob lies; its size is verified, its digest not yet. */
export function blobExtent(files: LayoutFiles, descriptor: Descriptor): Extent {
  const extent = files.file(`blobs/${descriptor.digest.replace(":", "/")}`);
  if (extent.length !== descriptor.size) {
    throw wrongSize({ title: files.title, remedy: REMEDY }, descriptor, extent.length);
  }
  return extent;
}

/** A file of the layout as it is, of at most MAX_JSON_BYTES. */
export async function readFile(files: LayoutFiles, path: string): Promise<Uint8Array> {
  const extent = files.file(path);
  if (extent.length > MAX_JSON_BYTES) throw tooLarge(files.title, path, extent.length);
  return readWhole(extent, files.title);
}

async function readWhole(extent: Extent, title: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readExtent(extent, title)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
