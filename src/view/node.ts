/*
 * The nodes of a merged tree. Names and paths are latin1 strings of the bytes and times are two numbers, because an
 * image has tens of thousands of nodes: a file costs about 220 bytes of memory with its name and its place in its
 * directory (measured with 58,000 files).
 */

interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Null for none. */
  xattrs: ReadonlyMap<string, Buffer> | null;
  /** Index of the layer that it comes from, lowest 0; -1 for a root that no layer holds. */
  layer: number;
}

export interface DirectoryNode extends Attributes {
  readonly kind: "directory";
  readonly children: Children;
}

/**
 * What a directory holds, by name. In a tree that was kept, a node is made anew whenever it is asked for, but one that
 * has several names is always the same object.
 */
export interface Children extends Iterable<[string, TreeNode]> {
  readonly size: number;
  /** They are iterated by the bytes of their names. */
  readonly isSorted?: true;
  get(name: string): TreeNode | undefined;
}

/** What may have more than one name: all names of one inode hold the same object. */
interface LinkableNode extends Attributes {
  /** How many names it has. */
  names: number;
  /**
   * The name under which its layer holds it, as a key (see `pathKey`); null where that is its path in the tree. It
   * differs after a hard link, and where the layer's writer took a symlink on the way for a directory.
   */
  storedPath: string | null;
}

export interface FileNode extends LinkableNode {
  readonly kind: "file";
  readonly size: number;
}

export interface SymlinkNode extends LinkableNode {
  readonly kind: "symlink";
  /** Bytes as latin1. */
  readonly target: string;
}

export interface DeviceNode extends LinkableNode {
  readonly kind: "char" | "block" | "fifo";
  readonly major: number;
  readonly minor: number;
}

export type LeafNode = FileNode | SymlinkNode | DeviceNode;
export type TreeNode = DirectoryNode | LeafNode;

/** A node together with its real path as a key: no symlink is on the way, "" is the root. */
export interface PlacedNode<N extends TreeNode = TreeNode> {
  readonly path: string;
  readonly node: N;
}
