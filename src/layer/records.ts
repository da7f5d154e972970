import { statSync } from "node:fs";
import { join } from "node:path";
import { chainIDOn } from "../core/chain-id.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { isLayerID } from "../driver/layer-id.ts";
import { readPlainNames } from "../sys/plain-path.ts";
import { readIfThere } from "../sys/read-if-there.ts";
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
  const parent = parentField(directory);
  const diffID = digestField(directory, RECORD_FILES.diff, readField(directory, RECORD_FILES.diff));
  const chain = chainIDOn(parent, diffID);
  if (chain !== chainID && parent === null) {
    throw damaged(directory, RECORD_FILES.parent, `it is missing, for ${diffID} alone is not ${chainID}`);
  }
  if (chain !== chainID) {
    throw damaged(directory, RECORD_FILES.diff, `${diffID} on ${parent} is ${chain}, expected ${chainID}`);
  }
  return {
    chainID,
    diffID,
    parent,
    cacheID: cacheIDField(directory),
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

/** The cache-id in a record's directory, whatever else is missing there; null where it is missing or no layer's name. */
export function readCacheID(directory: string): string | null {
  const cacheID = readField(directory, RECORD_FILES.cacheID);
  return cacheID !== null && isLayerID(cacheID) ? cacheID : null;
}

/**
 * The layer below, whatever else of the record is damaged; null for a lowest layer, and where there is no record. Fails
 * with CORRUPT_STORE where the record does not tell.
 */
export function readParent(layout: LayerLayout, chainID: Digest): Digest | null {
  const directory = layerDirectory(layout, chainID);
  const parent = parentField(directory);
  if (parent !== null || identityOf(directory) === null || readField(directory, RECORD_FILES.diff) === chainID)
    return parent;
  throw damaged(directory, RECORD_FILES.parent, "it is missing");
}

/** ChainIDs that containers stand on (`layerdb/mounts/<container>/parent`). Fails with CORRUPT_STORE. */
export function listContainerParents(layout: LayerLayout): Digest[] {
  return readNames(layout.mounts).flatMap((name) => parentField(join(layout.mounts, name)) ?? []);
}

/** The names in a directory of a data root; none where it is absent. */
export function readNames(directory: string): string[] {
  return readPlainNames(directory);
}

/** Differs for each directory that ever had the name; null where there is none. */
function identityOf(directory: string): string | null {
  const stat = statSync(directory, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.birthtimeNs}`;
}

function readField(directory: string, name: string): string | null {
  return readIfThere(join(directory, name));
}

function parentField(directory: string): Digest | null {
  const text = readField(directory, RECORD_FILES.parent);
  return text === null ? null : digestField(directory, RECORD_FILES.parent, text);
}

function cacheIDField(directory: string): string {
  const text = textField(directory, RECORD_FILES.cacheID);
  if (!isLayerID(text)) throw damaged(directory, RECORD_FILES.cacheID, `it holds ${JSON.stringify(text)}`);
  return text;
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
    hint: "load the images that use this layer again",
  });
}
