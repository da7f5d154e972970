import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { type LayerLayout, layerDirectory } from "./layout.ts";

/** A layer as Docker's layer database records it (moby, layer/filestore.go). */
export interface LayerRecord {
  readonly chainID: Digest;
  readonly diffID: Digest;
  readonly parent: Digest | null;
  /** The driver's id for the layer. */
  readonly cacheID: string;
  /** Bytes of file content. */
  readonly size: number;
  /** Path of the gzipped tar-split records. */
  readonly tarSplit: string;
}

export const RECORD_FILES = {
  cacheID: "cache-id",
  diff: "diff",
  size: "size",
  parent: "parent",
  tarSplit: "tar-split.json.gz",
};
const HEX64 = /^[0-9a-f]{64}$/;

/**
 * null where there is no such layer; fails with CORRUPT_STORE, naming the file, where its record is damaged. It needs no
 * lock: a record that is removed or replaced while it is read is read again.
 */
export function readLayerRecord(layout: LayerLayout, chainID: Digest): LayerRecord | null {
  const directory = layerDirectory(layout, chainID);
  for (let before = identityOf(directory); before !== null; ) {
    const record = readRecord(directory, chainID);
    const now = identityOf(directory);
    if (now !== before) before = now;
    else if (record instanceof LayerfsError) throw record;
    else return record;
  }
  return null;
}

/** Returns CORRUPT_STORE, in place of throwing it. */
function readRecord(directory: string, chainID: Digest): LayerRecord | LayerfsError {
  try {
    return readFields(directory, chainID);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return error;
    throw error;
  }
}

function readFields(directory: string, chainID: Digest): LayerRecord {
  const parent = readField(directory, RECORD_FILES.parent);
  return {
    chainID,
    diffID: digestField(directory, RECORD_FILES.diff, readField(directory, RECORD_FILES.diff)),
    parent: parent === null ? null : digestField(directory, RECORD_FILES.parent, parent),
    cacheID: textField(directory, RECORD_FILES.cacheID),
    size: sizeField(directory),
    tarSplit: join(directory, RECORD_FILES.tarSplit),
  };
}

/** The chainIDs that have a record, damaged or not, in the order of their digits. */
export function listChainIDs(layout: LayerLayout): Digest[] {
  return readNames(layout.layers)
    .filter((name) => HEX64.test(name))
    .map((name) => parseDigest(`sha256:${name}`))
    .sort();
}

/** Records on their way out: `<chain id>-<random>-removing`, as Docker names them. */
export function listRemoving(layout: LayerLayout): string[] {
  return readNames(layout.layers)
    .filter((name) => name.endsWith("-removing"))
    .map((name) => join(layout.layers, name));
}

/** The cache-id in a record's directory, whatever else is missing there. */
export function readCacheID(directory: string): string | null {
  return readField(directory, RECORD_FILES.cacheID);
}

/** The parent that a record's directory names, whatever else is missing there; null for none. */
export function readParent(directory: string): Digest | null {
  const parent = readField(directory, RECORD_FILES.parent);
  return parent === null ? null : digestField(directory, RECORD_FILES.parent, parent);
}

/** ChainIDs that containers stand on (`layerdb/mounts/<container>/parent`). */
export function listContainerParents(layout: LayerLayout): Digest[] {
  return readNames(layout.mounts).flatMap((name) => {
    const parent = readField(join(layout.mounts, name), RECORD_FILES.parent);
    return parent === null ? [] : [parseDigest(parent)];
  });
}

export function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Differs for each directory that ever had the name; null where there is none. */
function identityOf(directory: string): string | null {
  const stat = statSync(directory, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.birthtimeNs}`;
}

function readField(directory: string, name: string): string | null {
  try {
    return readFileSync(join(directory, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function textField(directory: string, name: string): string {
  const text = readField(directory, name);
  if (text === null) throw damaged(directory, name, "it is missing");
  if (text === "" || /[\s/]/.test(text))
    throw damaged(directory, name, `it holds ${JSON.stringify(text.slice(0, 80))}`);
  return text;
}

function digestField(directory: string, name: string, text: string | null): Digest {
  if (text === null) throw damaged(directory, name, "it is missing");
  try {
    return parseDigest(text);
  } catch (error) {
    if (!isLayerfsError(error, "INVALID_DIGEST")) throw error;
    throw damaged(directory, name, error.message);
  }
}

function sizeField(directory: string): number {
  const text = textField(directory, RECORD_FILES.size);
  const size = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(size))
    throw damaged(directory, RECORD_FILES.size, `it holds ${text}`);
  return size;
}

function damaged(directory: string, name: string, why: string): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `layer record ${join(directory, name)} is damaged: ${why}`, {
    hint: "remove the images that use this layer and load them again",
  });
}
