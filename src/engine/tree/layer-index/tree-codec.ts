import type { DuplicatePath, MergedTree } from "../../../view/merged-tree.ts";
import type { DirectoryNode, LeafNode, TreeNode } from "../../../view/node.ts";
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
 * A tree in a form that is decoded directory by directory, as they are looked into: what a directory holds lies before
 * the directory itself, with the place of each directory among it. The last 8 bytes tell where the root is.
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

/** `bytes` are those of `encodeTree`, one after the other; they must not be changed while the tree is in use. */
export function decodeTree(bytes: Buffer): IndexedTree {
  const reader = new ByteReader(bytes, Number(bytes.readBigUInt64LE(bytes.length - 8)));
  const inodes = new Map<number, LeafNode>();
  const [, root] = decodeNode(reader, bytes, inodes);
  const layers = reader.number();
  const duplicates = Array.from({ length: reader.number() }, () => ({ layer: reader.number(), path: reader.latin1() }));
  return { tree: { root: root as DirectoryNode, layers }, duplicates };
}

interface Level {
  readonly directory: DirectoryNode;
  readonly names: readonly string[];
  /** Where the content of the directories in it lies. */
  readonly places: number[];
  next: number;
}

/** Writes all that lies below a directory. Returns where its own content lies. */
function encodeBelow(writer: ByteWriter, root: DirectoryNode, inodes: Map<TreeNode, number>): number {
  const levels = [levelOf(root)];
  for (;;) {
    const level = levels.at(-1) as Level;
    const child = nextDirectory(level);
    if (child !== null) {
      levels.push(levelOf(child));
      continue;
    }
    const place = encodeContent(writer, level, inodes);
    levels.pop();
    const above = levels.at(-1);
    if (above === undefined) return place;
    above.places.push(place);
  }
}

function levelOf(directory: DirectoryNode): Level {
  return { directory, names: [...directory.children.keys()].sort(), places: [], next: 0 };
}

function nextDirectory(level: Level): DirectoryNode | null {
  while (level.next < level.names.length) {
    const node = level.directory.children.get(level.names[level.next++]!);
    if (node?.kind === "directory") return node;
  }
  return null;
}

function encodeContent(writer: ByteWriter, { directory, names, places }: Level, inodes: Map<TreeNode, number>): number {
  const place = writer.length;
  writer.number(names.length);
  let next = 0;
  for (const name of names) {
    const node = directory.children.get(name)!;
    encodeNode(writer, name, node, node.kind === "directory" ? places[next++]! : 0, inodes);
  }
  return place;
}

function encodeNode(
  writer: ByteWriter,
  name: string,
  node: TreeNode,
  place: number,
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
  if (node.kind === "directory") writer.number(place);
  else if (node.kind === "file") writer.number(node.size);
  else if (node.kind === "symlink") writer.latin1(node.target);
  else {
    writer.signed(node.major);
    writer.signed(node.minor);
  }
}

function decodeNode(reader: ByteReader, bytes: Buffer, inodes: Map<number, LeafNode>): [string, TreeNode] {
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
    const attributes = { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer };
    return [name, new DirectoryOnDemand(attributes, bytes, reader.number(), inodes)];
  }
  const common = { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names, storedPath };
  const node = decodeLeaf(reader, kind, common);
  if (inode === null) return [name, node];
  const known = inodes.get(inode) ?? node;
  inodes.set(inode, known);
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

type DirectoryAttributes = Omit<DirectoryNode, "kind" | "children">;

class DirectoryOnDemand implements DirectoryNode {
  readonly kind = "directory";
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  xattrs: ReadonlyMap<string, Buffer> | null;
  layer: number;
  readonly #bytes: Buffer;
  readonly #place: number;
  readonly #inodes: Map<number, LeafNode>;
  #children: Map<string, TreeNode> | null = null;

  constructor(attributes: DirectoryAttributes, bytes: Buffer, place: number, inodes: Map<number, LeafNode>) {
    this.mode = attributes.mode;
    this.uid = attributes.uid;
    this.gid = attributes.gid;
    this.mtimeSeconds = attributes.mtimeSeconds;
    this.mtimeNanoseconds = attributes.mtimeNanoseconds;
    this.xattrs = attributes.xattrs;
    this.layer = attributes.layer;
    this.#bytes = bytes;
    this.#place = place;
    this.#inodes = inodes;
  }

  get children(): Map<string, TreeNode> {
    if (this.#children !== null) return this.#children;
    const reader = new ByteReader(this.#bytes, this.#place);
    const children = new Map<string, TreeNode>();
    for (let left = reader.number(); left > 0; left--) {
      const [name, node] = decodeNode(reader, this.#bytes, this.#inodes);
      children.set(name, node);
    }
    this.#children = children;
    return children;
  }
}
