import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { readNames } from "../layer/records.ts";
import { fsyncDirectory, writeFileDurably } from "../sys/durable.ts";
import { isPresent } from "../sys/plain-path.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import { contentPath, type ImageLayout, metadataPath } from "./layout.ts";

/** Files of `imagedb/metadata/sha256/<image id>` (moby, image/store.go). */
const PARENT = "parent";
const LAST_TAG_TIME = "lastUpdated";

/**
 * For each image the one that it was built or committed on, where that is recorded; `load` records none. A parent may
 * be gone from the store. Fails with CORRUPT_STORE, naming the file, where a record is no image id.
 */
export function readParents(layout: ImageLayout): Map<Digest, Digest> {
  const parents = new Map<Digest, Digest>();
  for (const name of readNames(layout.metadata)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const id = parseDigest(`sha256:${name}`);
    const text = readIfThere(join(metadataPath(layout, id), PARENT));
    // What is left of the records of an image that is gone makes it nobody's child.
    if (text !== null && isPresent(contentPath(layout, id))) parents.set(id, parseParent(layout, id, text));
  }
  return parents;
}

/** Durable. The image itself may follow: until it is there nobody takes note of the record. */
export function writeParent(layout: ImageLayout, id: Digest, parent: Digest): void {
  writeRecord(layout, id, PARENT, parent);
}

/** Takes away the records of images that are not there; the caller makes sure that none is on its way. */
export function removeStrayRecords(layout: ImageLayout): void {
  for (const name of readNames(layout.metadata)) {
    if (!isPresent(join(layout.content, name))) rmSync(join(layout.metadata, name), { recursive: true, force: true });
  }
}

/** When the image last got a name by `tag`: RFC 3339, null for never. */
export function readLastTagTime(layout: ImageLayout, id: Digest): string | null {
  return readIfThere(join(metadataPath(layout, id), LAST_TAG_TIME));
}

/** Durable. Written as dockerd does: in UTC, without zeros at the end of the fraction. */
export function writeLastTagTime(layout: ImageLayout, id: Digest, time: Date): void {
  writeRecord(layout, id, LAST_TAG_TIME, time.toISOString().replace(/\.?0*Z$/, "Z"));
}

function writeRecord(layout: ImageLayout, id: Digest, name: string, text: string): void {
  const directory = metadataPath(layout, id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileDurably(join(directory, name), text, { mode: 0o600 });
  fsyncDirectory(layout.metadata);
}

function parseParent(layout: ImageLayout, id: Digest, text: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    if (!isLayerfsError(error, "INVALID_DIGEST")) throw error;
    const path = join(metadataPath(layout, id), PARENT);
    throw new LayerfsError("CORRUPT_STORE", `${path} is damaged: ${error.message}`, {
      hint: "remove the file: the image stays, and is no longer known as the child of another",
      cause: error,
    });
  }
}
