import { sortedChildren } from "../../../view/lookup.ts";
import type { DuplicatePath, MergedTree } from "../../../view/merged-tree.ts";
import type { Children, DirectoryNode, LeafNode, TreeNode } from "../../../view/node.ts";
import { ByteReader, ByteWriter } from "./byte-stream.ts";
import { decodeXattrs, encodeXattrs } from "./xattrs-codec.ts";

/** A merged tree, with the paths that one layer held twice. */
export interface IndexedTree {
  readonly tree: MergedTree;
  readonly duplicates: readonly DuplicatePath[];
}

const KINDS: readonly TreeNode["kind"][] = ["directory", "file", "symlink", "char", "block", "fifo"];
const HAS_XATTRS = 0x10;
const HAS_STORED_PATH = 0x20;
const HAS_NAMES = 0x40;

/**
 * A tree in a form of which no more is decoded than is asked for. The nodes in a directory lie one after the other by the
 * bytes of their names, then a table of where each of them is; a directory's own node, which follows later, tells where
 * that table is. The last 8 bytes tell where the root is.
 */
export function encodeTree({ tree, duplicates }: IndexedTree): Buffer[] {
  const writer = new ByteWriter();
  const inodes = new Map<TreeNode, number>();
  const root = encodeBelow(writer, tree.root, inodes);
  const start = writer.length;
  encodeNode(writer, "", tree.root, root, inodes);
  writer.number(tree.layers);
  writer.number(duplicates.length);
  for (const { layer, path } of duplicates) {
    writer.number(layer);
    writer.latin1(path);
  }
  const end = Buffer.alloc(8);
  end.writeBigUInt64LE(BigInt(start));
  return [writer.result(), end];
}

/**
 * `bytes` are those of `encodeTree`, one after the other; they must not be changed while the tree is in use. The tree
 * itself takes no memory: a node is decoded whenever it is asked for (see `Children`).
 */
export function decodeTree(bytes: Buffer): IndexedTree {
  const reader = new ByteReader(bytes, Number(bytes.readBigUInt64LE(bytes.length - 8)));
  const [, root] = decodeNode(reader, { bytes, inodes: new Map() });
  const layers = reader.number();
  const duplicates = Array.from({ length: reader.number() }, () => ({ layer: reader.number(), path: reader.latin1() }));
  return { tree: { root: root as DirectoryNode, layers }, duplicates };
}

/** The same tree as a record, which takes a fraction of the memory of its nodes. */
export function compactTree(tree: MergedTree): MergedTree {
  return decodeTree(Buffer.concat(encodeTree({ tree, duplicates: [] }))).tree;
}

interface Level {
  readonly children: readonly (readonly [string, TreeNode])[];
  /** Where the tables of the directories among them lie. */
  readonly tables: number[];
  next: number;
}

/** Writes all that lies below a directory. Returns where the table of what is in it lies. */
function encodeBelow(writer: ByteWriter, root: DirectoryNode, inodes: Map<TreeNode, number>): number {
  const levels = [levelOf(root)];
  for (;;) {
    const level = levels.at(-1) as Level;
    const child = nextDirectory(level);
    if (child !== null) {
      levels.push(levelOf(child));
      continue;
    }
    const table = encodeChildren(writer, level, inodes);
    levels.pop();
    const above = levels.at(-1);
    if (above === undefined) return table;
    above.tables.push(table);
  }
}

function levelOf(directory: DirectoryNode): Level {
  return { children: [...sortedChildren(directory)], tables: [], next: 0 };
}

function nextDirectory(level: Level): DirectoryNode | null {
  while (level.next < level.children.length) {
    const [, node] = level.children[level.next++]!;
    if (node.kind === "directory") return node;
  }
  return null;
}

function encodeChildren(writer: ByteWriter, { children, tables }: Level, inodes: Map<TreeNode, number>): number {
  const positions: number[] = [];
  let next = 0;
  for (const [name, node] of children) {
    positions.push(writer.length);
    encodeNode(writer, name, node, node.kind === "directory" ? tables[next++]! : 0, inodes);
  }
  const table = writer.length;
  for (const position of positions) writer.uint32(position);
  return table;
}

function encodeNode(
  writer: ByteWriter,
  name: string,
  node: TreeNode,
  table: number,
  inodes: Map<TreeNode, number>,
): void {
  const isLinked = node.kind !== "directory" && node.names > 1;
  const storedPath = node.kind === "directory" ? null : node.storedPath;
  let flags = KINDS.indexOf(node.kind);
  if (node.xattrs !== null) flags |= HAS_XATTRS;
  if (storedPath !== null) flags |= HAS_STORED_PATH;
  if (isLinked) flags |= HAS_NAMES;
  writer.byte(flags);
  writer.latin1(name);
  if (isLinked) {
    const inode = inodes.get(node) ?? inodes.size;
    inodes.set(node, inode);
    writer.number(inode);
    writer.number(node.names);
  }
  writer.number(node.mode);
  writer.signed(node.uid);
  writer.signed(node.gid);
  writer.signed(node.mtimeSeconds);
  writer.number(node.mtimeNanoseconds);
  writer.signed(node.layer);
  if (storedPath !== null) writer.latin1(storedPath);
  if (node.xattrs !== null) encodeXattrs(writer, node.xattrs);
  if (node.kind === "directory") {
    writer.number(node.children.size);
    writer.number(table);
  } else if (node.kind === "file") writer.number(node.size);
  else if (node.kind === "symlink") writer.latin1(node.target);
  else {
    writer.signed(node.major);
    writer.signed(node.minor);
  }
}

interface TreeRecord {
  readonly bytes: Buffer;
  /** What has several names, as far as it was decoded: each name must lead to the same object. */
  readonly inodes: Map<number, LeafNode>;
}

function decodeNode(reader: ByteReader, record: TreeRecord): [string, TreeNode] {
  const flags = reader.byte();
  const name = reader.latin1();
  const inode = (flags & HAS_NAMES) === 0 ? null : reader.number();
  const names = inode === null ? 1 : reader.number();
  const mode = reader.number();
  const uid = reader.signed();
  const gid = reader.signed();
  const mtimeSeconds = reader.signed();
  const mtimeNanoseconds = reader.number();
  const layer = reader.signed();
  const storedPath = (flags & HAS_STORED_PATH) === 0 ? null : reader.latin1();
  const xattrs = (flags & HAS_XATTRS) === 0 ? null : decodeXattrs(reader);
  const kind = KINDS[flags & 0x0f]!;
  if (kind === "directory") {
    const children = new RecordedChildren(record, reader.number(), reader.number());
    return [name, { kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, children }];
  }
  const common = { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names, storedPath };
  const node = decodeLeaf(reader, kind, common);
  if (inode === null) return [name, node];
  const known = record.inodes.get(inode) ?? node;
  record.inodes.set(inode, known);
  return [name, known];
}

type Common = Omit<LeafNode, "kind">;

function decodeLeaf(reader: ByteReader, kind: LeafNode["kind"], common: Common): LeafNode {
  // biome-ignore format: one node's fields
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names, storedPath } = common;
  switch (kind) {
    case "file":
      // biome-ignore format: one node's fields
      return { kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names, storedPath, size: reader.number() };
    case "symlink":
      return { kind, ...common, target: reader.latin1() };
    default:
      return { kind, ...common, major: reader.signed(), minor: reader.signed() };
  }
}

class RecordedChildren implements Children {
  readonly isSorted = true;
  readonly size: number;
  readonly #record: TreeRecord;
  readonly #table: number;

  constructor(record: TreeRecord, size: number, table: number) {
    this.#record = record;
    this.size = size;
    this.#table = table;
  }

  get(name: string): TreeNode | undefined {
    const wanted = Buffer.from(name, "latin1");
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compareName(middle, wanted);
      if (order === 0) return decodeNode(this.#readerAt(middle), this.#record)[1];
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<[string, TreeNode]> {
    if (this.size === 0) return;
    const reader = this.#readerAt(0);
    for (let left = this.size; left > 0; left--) yield decodeNode(reader, this.#record);
  }

  #readerAt(index: number): ByteReader {
    const { bytes } = this.#record;
    return new ByteReader(bytes, bytes.readUInt32LE(this.#table + 4 * index));
  }

  /** The flags come before the name. */
  #compareName(index: number, wanted: Buffer): number {
    const reader = this.#readerAt(index);
    reader.byte();
    return reader.bytes().compare(wanted);
  }
}
