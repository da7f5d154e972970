import { readSplit } from "../../layer/stored-tar.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { readHeaders } from "../../tar/tar-split.ts";
import { classifyEntry, joinKey, nameKey, pathKey } from "../../union/entry-path.ts";
import { growTree, type HiddenNode, type LayerEntry } from "../../view/merged-tree.ts";
import type { DirectoryNode, TreeNode } from "../../view/node.ts";

/** What the headers of a layer's tar say of its files on disk. All paths are keys (see `pathKey`). */
export interface LayerFacts {
  /** What the layer and all below it show. It grows with the next layer. */
  readonly root: DirectoryNode;
  /** What the layer itself puts there. */
  readonly own: ReadonlySet<string>;
  /** The same without directories, and with files that a hard link brings in from below. */
  readonly ownNodes: ReadonlySet<TreeNode>;
  /** Directories of which the layer holds an entry. */
  readonly recorded: ReadonlySet<string>;
  /** Directories above those of `own`. */
  readonly above: ReadonlySet<string>;
  /** Directories that a driver may have made besides, to hold a whiteout or what a hard link leads to. */
  readonly mayBeThere: ReadonlySet<string>;
  readonly whiteouts: ReadonlySet<string>;
  /** What the layers below have and this one takes away. */
  readonly hidden: ReadonlySet<string>;
  /** Its root is opaque. */
  readonly cutsLowers: boolean;
  /** It has entries below names that aufs reserves, which dockerd unpacks. */
  readonly hasReserved: boolean;
  /** What the record of its size may say; the first is layerfs's own count. */
  readonly sizes: readonly number[];
}

/** What is known of the files of all layers so far. */
export interface StackFacts {
  /** CRC-64 of a file's content, by `checksumKey`; empty unless wanted. */
  readonly checksums: ReadonlyMap<string, Buffer>;
  /** Directories whose attributes some layer holds. */
  readonly recorded: WeakSet<TreeNode>;
  /** Directories in which a later layer changed something without holding their time. */
  readonly stirred: WeakSet<TreeNode>;
}

export interface StackOptions {
  readonly withChecksums: boolean;
  readonly driver: string;
  readonly signal: AbortSignal | undefined;
}

/** `name` as tar-split has it, as a key. */
export function checksumKey(layer: number, name: string): string {
  return `${layer} ${name}`;
}

/** The facts of each layer, lowest first. Fails as `readHeaders` and `growTree`. */
export async function* readFacts(
  tarSplits: readonly string[],
  options: StackOptions,
): AsyncGenerator<readonly [LayerFacts, StackFacts]> {
  const checksums = new Map<string, Buffer>();
  const stack = { checksums, recorded: new WeakSet<TreeNode>(), stirred: new WeakSet<TreeNode>() };
  let gathered = gathering();
  const layers = async function* (): AsyncGenerator<AsyncIterable<LayerEntry>> {
    for (const [index, tarSplit] of tarSplits.entries()) {
      gathered = gathering();
      yield entriesOf(tarSplit, index, gathered, options.withChecksums ? checksums : null);
    }
  };
  const grown = growTree(layers(), {
    signal: options.signal,
    onHidden: (hidden) => noteHidden(gathered, hidden),
    onNode: ({ path, entry }) => noteNode(gathered, path, entry),
  });
  for await (const { root } of grown) {
    noteDirectories(root, gathered, stack);
    yield [factsOf(root, gathered, options.driver), stack];
  }
}

interface Gathered {
  readonly own: Set<string>;
  readonly recorded: Set<string>;
  readonly above: Set<string>;
  readonly mayBeThere: Set<string>;
  readonly whiteouts: Set<string>;
  readonly hidden: Set<string>;
  cutsLowers: boolean;
  hasReserved: boolean;
  /** Content of files, each entry by itself. */
  fileBytes: number;
  /** What the headers of all entries claim. */
  entryBytes: number;
  /** What the records of files say. */
  recordedBytes: number;
}

function gathering(): Gathered {
  return {
    own: new Set(),
    recorded: new Set(),
    above: new Set(),
    mayBeThere: new Set(),
    whiteouts: new Set(),
    hidden: new Set(),
    cutsLowers: false,
    hasReserved: false,
    fileBytes: 0,
    entryBytes: 0,
    recordedBytes: 0,
  };
}

async function* entriesOf(
  tarSplit: string,
  layer: number,
  into: Gathered,
  checksums: Map<string, Buffer> | null,
): AsyncGenerator<LayerEntry> {
  for await (const { entry, recordedName, recordedSize, checksum } of readHeaders(readSplit(tarSplit))) {
    into.entryBytes += entry.size;
    into.recordedBytes += recordedSize;
    if (recordedSize > 0) checksums?.set(checksumKey(layer, nameKey(recordedName)), checksum);
    noteMark(into, entry);
    yield { entry, storedName: recordedName };
  }
}

/** Whiteouts and the like by the names in the archive. */
function noteMark(into: Gathered, entry: TarEntry): void {
  if (entry.kind === "hardlink") addAbove(into.mayBeThere, nameKey(entry.linkname));
  if (!entry.name.includes(".wh.")) return;
  const mark = classifyEntry(entry.name);
  if (mark.kind === "reserved") into.hasReserved = true;
  if (mark.kind === "opaque") {
    const directory = pathKey(mark.directory);
    if (directory === "") into.cutsLowers = true;
    addAbove(into.mayBeThere, `${directory}/`);
  }
  if (mark.kind !== "whiteout") return;
  const path = joinKey(pathKey(mark.parent), mark.name);
  into.whiteouts.add(path);
  addAbove(into.mayBeThere, path);
}

function noteHidden(into: Gathered, { path, how }: HiddenNode): void {
  if (how !== "deleted" && how !== "hidden") return;
  into.hidden.add(path);
  into.whiteouts.add(path);
  addAbove(into.mayBeThere, path);
}

function noteNode(into: Gathered, path: string, entry: TarEntry): void {
  into.own.add(path);
  addAbove(into.above, path);
  if (entry.kind === "directory") into.recorded.add(path);
  if (entry.kind === "file") into.fileBytes += entry.size;
}

function noteDirectories(root: DirectoryNode, { own, hidden, recorded }: Gathered, stack: StackFacts): void {
  for (const paths of [own, hidden]) {
    for (const path of paths) {
      const parent = parentOf(path);
      const node = path === "" || recorded.has(parent) ? null : nodeAt(root, parent);
      if (node !== null) stack.stirred.add(node);
    }
  }
  for (const path of recorded) {
    const node = nodeAt(root, path);
    if (node === null) continue;
    stack.recorded.add(node);
    stack.stirred.delete(node);
  }
}

function factsOf(root: DirectoryNode, gathered: Gathered, driver: string): LayerFacts {
  const ownNodes = new Set<TreeNode>();
  for (const path of gathered.own) {
    const node = nodeAt(root, path);
    if (node !== null && node.kind !== "directory") ownNodes.add(node);
  }
  const { fileBytes, entryBytes, recordedBytes } = gathered;
  const dockerds = driver === "overlay2" ? bytesOnDisk(ownNodes) : entryBytes;
  return { ...gathered, root, ownNodes, sizes: [...new Set([fileBytes, dockerds, recordedBytes])] };
}

/**
 * As dockerd counts a layer of overlay2: what lstat gives as the size of all but directories, each inode once (moby,
 * pkg/directory). For vfs it sums up the sizes in all headers (pkg/archive, UnpackLayer); for layers that its builder
 * made, those in the tar-split records (layer/migration.go).
 */
function bytesOnDisk(nodes: ReadonlySet<TreeNode>): number {
  let bytes = 0;
  for (const node of nodes) {
    if (node.kind === "file") bytes += node.size;
    if (node.kind === "symlink") bytes += node.target.length;
  }
  return bytes;
}

/** The node at a real path; null where the tree has none. */
export function nodeAt(root: DirectoryNode, path: string): TreeNode | null {
  if (path === "") return root;
  let node: TreeNode = root;
  for (const name of path.split("/")) {
    const next: TreeNode | undefined = node.kind === "directory" ? node.children.get(name) : undefined;
    if (next === undefined) return null;
    node = next;
  }
  return node;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function addAbove(into: Set<string>, path: string): void {
  for (let key = parentOf(path); !into.has(key); key = parentOf(key)) into.add(key);
}
