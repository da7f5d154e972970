import { Readable } from "node:stream";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { pathGlobMatcher } from "../core/glob.ts";
import { printableKey } from "../union/entry-path.ts";
import { contentRange, type WholeRange } from "./content-range.ts";
import { fileAt, linkAt } from "./file-at.ts";
import { contentOf, list, lstat, type NodeStat, resolve, walk } from "./lookup.ts";
import {
  type DuplicatePath,
  type LayerEntries,
  type MergedTree,
  type MergeOptions,
  mergeLayers,
} from "./merged-tree.ts";
import type { FileNode, LeafNode, PlacedNode } from "./node.ts";

/** A path inside an image: a string is taken as UTF-8. A leading `/` may be left out. */
export type PathLike = string | Uint8Array;

/** Bytes of a file from `start` up to and with `end`, as in `fs.createReadStream`; by default all. */
export interface ByteRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

const MAX_IN_MEMORY = 2 ** 31;

/** A layer that can be read, wherever it lies. */
export interface ReadableLayer {
  /** Its entries in the order of its tar. May be asked for again. */
  entries(): LayerEntries;
  /** The bytes of the file that has this stored name among the entries, holes as zeros. */
  content(storedName: Buffer, range: WholeRange): AsyncIterable<Buffer>;
}

/** A node of a view. */
export interface ViewNode extends NodeStat {
  /** Bytes of the name within its directory; empty for the root. */
  readonly name: Buffer;
  /** Its real path from the root, as bytes, with a leading `/`. */
  readonly path: Buffer;
  /** All names of one node have the same number, and no other node of the view has it. */
  readonly ino: number;
}

export interface WalkOptions {
  /** Where to begin; symlinks on the way are followed, none below. Default: the root. */
  readonly from?: PathLike | undefined;
  /**
   * Globs of which a node's path must match one: `*` and `?` stand for what is no `/`, `[a-z]` for one of a class, `**`
   * for any number of directories. A path counts from the image's root. Default: every path.
   */
  readonly match?: string | readonly string[] | undefined;
}

/** Nodes one after the other, for `for` and for `for await`. */
export type ViewNodes = Iterable<ViewNode> & AsyncIterable<ViewNode>;

/**
 * What layers together show: a tree in memory, and the files' bytes from where they lie. Paths are resolved as POSIX has
 * it with the image's root as `/`: no symlink and no `..` leads out.
 *
 * Fails with NOT_FOUND, where `errno` is ENOENT, ENOTDIR or ELOOP, and with UNSUPPORTED, where it is EISDIR (a directory
 * is read), EINVAL (`readlink` of what is no symlink) or ENXIO (a device is read).
 */
export interface View {
  readonly tree: MergedTree;
  /** Paths that one layer holds more than once, where Docker would refuse the layer; the last entry counts. */
  readonly duplicates: readonly DuplicatePath[];
  stat(path: PathLike): ViewNode;
  /** As `stat`, but a symlink in the last place is not followed. */
  lstat(path: PathLike): ViewNode;
  exists(path: PathLike): boolean;
  /** What a directory holds, by the bytes of the names. */
  readdir(path: PathLike): ViewNode[];
  /** The target as written. */
  readlink(path: PathLike): Buffer;
  /** The path without symlinks. */
  realpath(path: PathLike): Buffer;
  /** A directory before its content, siblings by the bytes of their names; `from` itself comes first. */
  walk(options?: WalkOptions): ViewNodes;
  /** The bytes of a file, chunk by chunk. What is wrong with the path is thrown at once. */
  read(path: PathLike, range?: ByteRange): AsyncIterable<Buffer>;
  /** The whole file in memory; LIMIT_EXCEEDED where it has 2 GiB or more, as `fs.readFile` has it. */
  readFile(path: PathLike): Promise<Buffer>;
  /** As `read`, as a stream of Node.js. */
  createReadStream(path: PathLike, range?: ByteRange): Readable;
}

/**
 * Joins layers, lowest first: those of an image, or any that a program puts together, each read once. Codes:
 * INVALID_LAYER as `mergeLayers`, CANCELLED, and those of the layers.
 */
export async function union(layers: readonly ReadableLayer[], options: MergeOptions = {}): Promise<View> {
  const duplicates: DuplicatePath[] = [];
  const onDuplicate = (duplicate: DuplicatePath): void => {
    duplicates.push(duplicate);
    options.onDuplicate?.(duplicate);
  };
  const tree = await mergeLayers(
    layers.map((layer) => layer.entries()),
    { ...options, onDuplicate },
  );
  return viewOf(tree, layers, duplicates);
}

/** The view of a tree that was merged from these layers. */
export function viewOf(
  tree: MergedTree,
  layers: readonly Pick<ReadableLayer, "content">[],
  duplicates: readonly DuplicatePath[] = [],
): View {
  const describe = describer();
  const read = (path: PathLike, range?: ByteRange): AsyncIterable<Buffer> => {
    const place = fileAt(tree, bytes(path));
    const { layer, name } = contentOf(place);
    const wanted = contentRange(place.node.size, range);
    return wanted.start > wanted.end ? nothing() : layers[layer]!.content(name, wanted);
  };
  return {
    tree,
    duplicates,
    stat: (path) => describe(resolve(tree, bytes(path))),
    lstat: (path) => describe(resolve(tree, bytes(path), { followLast: false })),
    exists: (path) => exists(tree, bytes(path)),
    readdir: (path) => list(tree, bytes(path)).map(describe),
    readlink: (path) => Buffer.from(linkAt(tree, bytes(path)).node.target, "latin1"),
    realpath: (path) => Buffer.from(`/${resolve(tree, bytes(path)).path}`, "latin1"),
    walk: (options = {}) => nodes(() => walked(tree, options, describe)),
    read,
    readFile: async (path) => {
      refuseLarge(fileAt(tree, bytes(path)));
      const chunks: Buffer[] = [];
      for await (const chunk of read(path)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    createReadStream: (path, range) => Readable.from(read(path, range), { objectMode: false }),
  };
}

/** The size of a file may be a lie in a sparse map, which costs no bytes. */
function refuseLarge({ path, node }: PlacedNode<FileNode>): void {
  if (node.size < MAX_IN_MEMORY) return;
  const found = `${printableKey(path)}: expected less than ${MAX_IN_MEMORY} bytes to be read at once, found ${node.size}`;
  throw new LayerfsError("LIMIT_EXCEEDED", found, { hint: "read it as a stream, or in parts" });
}

/** A path as bytes that begin at the root: an empty one stays empty, which is no path. */
function bytes(path: PathLike): Buffer {
  return typeof path === "string" ? Buffer.from(path) : Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}

function describer(): (place: PlacedNode) => ViewNode {
  // A node of one name may be another object the next time.
  const numbers = new Map<string | LeafNode, number>();
  return (place) => {
    const { node } = place;
    const identity = node.kind !== "directory" && node.names > 1 ? node : place.path;
    const ino = numbers.get(identity) ?? numbers.size + 1;
    numbers.set(identity, ino);
    const path = Buffer.from(`/${place.path}`, "latin1");
    const name = path.subarray(place.path.lastIndexOf("/") + 2);
    return Object.assign(lstat(place), { name, path, ino });
  };
}

function exists(tree: MergedTree, path: Buffer): boolean {
  try {
    resolve(tree, path);
    return true;
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND")) return false;
    throw error;
  }
}

function* walked(
  tree: MergedTree,
  { from = "/", match }: WalkOptions,
  describe: (place: PlacedNode) => ViewNode,
): Generator<ViewNode> {
  const matchers = match === undefined ? null : [match].flat().map(pathGlobMatcher);
  for (const place of walk(resolve(tree, bytes(from)))) {
    if (matchers === null || matchers.some((matches) => matches(asText(place.path)))) yield describe(place);
  }
}

/** A key as text, for globs: bytes that are not UTF-8 become U+FFFD. */
function asText(key: string): string {
  return /^[\0-\x7f]*$/.test(key) ? key : Buffer.from(key, "latin1").toString();
}

function nodes(walk: () => Generator<ViewNode>): ViewNodes {
  return {
    [Symbol.iterator]: walk,
    async *[Symbol.asyncIterator]() {
      yield* walk();
    },
  };
}

async function* nothing(): AsyncGenerator<Buffer> {}
