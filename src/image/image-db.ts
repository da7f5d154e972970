import { existsSync, rmSync } from "node:fs";
import { chainIDs } from "../core/chain-id.ts";
import { type ImageConfig, parseConfig } from "../core/config.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { readNames } from "../layer/records.ts";
import { fsyncDirectory, writeFileDurably } from "../sys/durable.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readPlainFile } from "../sys/plain-path.ts";
import { contentPath, type ImageLayout, metadataPath } from "./layout.ts";

export function prepareImageDb(layout: ImageLayout): void {
  for (const directory of [layout.content, layout.metadata]) makeDirectories(directory, 0o700);
}

/** Ids of all images, named or not. */
export function listImageIDs(layout: ImageLayout): Digest[] {
  return readNames(layout.content)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => parseDigest(`sha256:${name}`));
}

/** null where there is no such image; CORRUPT_STORE where its config is not the one its id promises. */
export function readImageConfig(layout: ImageLayout, id: Digest): ImageConfig | null {
  const bytes = readPlainFile(contentPath(layout, id));
  if (bytes === null) return null;
  const config = parseStored(bytes, id);
  if (config.digest === id) return config;
  throw new LayerfsError("CORRUPT_STORE", `image ${id}: its config has the digest ${config.digest}`, {
    hint: "the file was changed on disk; load the image again, or remove it by its id",
  });
}

/** Whether there is such an image, whole or not. */
export function isStored(layout: ImageLayout, id: Digest): boolean {
  return existsSync(contentPath(layout, id));
}

/** As `readImageConfig`, for lists: null also where the config is damaged. */
export function readWholeConfig(layout: ImageLayout, id: Digest): ImageConfig | null {
  try {
    return readImageConfig(layout, id);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return null;
    throw error;
  }
}

/** Makes an image visible; its layers must be there. Repeating it changes nothing. */
export function writeImageConfig(layout: ImageLayout, config: ImageConfig): void {
  writeFileDurably(contentPath(layout, config.digest), config.bytes, { mode: 0o600 });
}

/** Removing an absent image succeeds, so that a removal can be repeated. */
export function removeImageConfig(layout: ImageLayout, id: Digest): void {
  rmSync(contentPath(layout, id), { force: true });
  fsyncDirectory(layout.content);
  rmSync(metadataPath(layout, id), { recursive: true, force: true });
}

/** ChainIDs of all layers of all images. Fails with CORRUPT_STORE where an image's layers cannot be known. */
export function imageChains(layout: ImageLayout): Digest[] {
  return listImageIDs(layout).flatMap((id) => chainIDs(readImageConfig(layout, id)?.rootfs.diffIDs ?? []));
}

/** null for an image without layers. */
export function topChain(config: ImageConfig): Digest | null {
  return chainIDs(config.rootfs.diffIDs).at(-1) ?? null;
}

function parseStored(bytes: Buffer, id: Digest): ImageConfig {
  try {
    return parseConfig(bytes);
  } catch (error) {
    if (!isLayerfsError(error)) throw error;
    throw new LayerfsError("CORRUPT_STORE", `image ${id}: its config cannot be read: ${error.message}`, {
      hint: "load the image again, or remove it by its id",
      cause: error,
    });
  }
}
