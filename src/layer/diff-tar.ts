import { LayerfsError, printable } from "../core/errors.ts";
import { END_OF_ARCHIVE, encodeHeader, type HeaderFields } from "../tar/writer.ts";
import { isInside } from "./changes.ts";
import { compareTrees } from "./compare-trees.ts";
import type { Comparison } from "./comparison.ts";
import { Chunk, contentOf, fieldsOf, sharedInode } from "./node-entry.ts";

/**
 * The layer that turns the tree `before` into `after`, as a tar; what is a change is told at `compareTrees`. Equal trees
 * give equal bytes.
 *
 * Entries come in the order of the walk, with the directories above each change before it. A removed name is one
 * whiteout; there are no opaque markers, since a whiteout for each name says the same and every reader obeys it. A change
 * of type needs no whiteout. Sockets are left out. The names of one inode stay linked, unchanged ones among them: the
 * first carries the data. The root has an entry only where its mode, owner or attributes changed.
 *
 * Fails with INVALID_LAYER for what no layer can hold: a name that begins with `.wh.`, or overlayfs's own whiteout. Fails
 * with CONFLICT where a file becomes shorter while it is read.
 */
export function diffTar(before: string, after: string): AsyncGenerator<Buffer> {
  return tarOfChanges(() => compareTrees(before, after, WITHOUT_SOCKETS));
}

/** The whole of a tree as a layer, with the root's own attributes; otherwise as `diffTar`. */
export function directoryTar(directory: string): AsyncGenerator<Buffer> {
  return tarOfChanges(() => compareTrees(null, directory, WITHOUT_SOCKETS));
}

/** The same of any comparison without sockets. It is made twice, and once to its end before the first bytes come. */
export async function* tarOfChanges(compare: () => Iterable<Comparison>): AsyncGenerator<Buffer> {
  const linked = inodesWithChanges(compare());
  const firstNames = new Map<string, Buffer>();
  const chunk = new Chunk();
  const above: PendingDirectory[] = [];
  for (const node of compare()) {
    while (above.length > 0 && !isBelow(node.path, above.at(-1)!.fields.name)) above.pop();
    const inode = inodeOf(node);
    const isTold = node.kind !== "same" || (inode !== null && linked.has(inode));
    if (isTold) {
      for (const directory of above) {
        if (!directory.told && directory.fields.name.length > 0) chunk.add(headerOf(directory.fields));
        directory.told = true;
      }
      yield* entryOf(node, inode === null ? undefined : firstNames.get(inode), chunk);
      if (inode !== null && !firstNames.has(inode)) firstNames.set(inode, node.path);
    }
    if (node.kind !== "removed" && node.stat.kind === "directory") above.push({ fields: fieldsOf(node), told: isTold });
    if (chunk.isFull) yield chunk.take();
  }
  chunk.add(END_OF_ARCHIVE);
  yield chunk.take();
}

interface PendingDirectory {
  readonly fields: HeaderFields;
  told: boolean;
}

const WITHOUT_SOCKETS = { withoutSockets: true };
const EPOCH = { seconds: 0, nanoseconds: 0 };
const WHITEOUT = Buffer.from(".wh.");
const SLASH = 0x2f;

/** Inodes that have several names, one of which at least is new or changed. */
function inodesWithChanges(comparisons: Iterable<Comparison>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of comparisons) {
    const inode = node.kind === "same" ? null : inodeOf(node);
    if (inode !== null) found.add(inode);
  }
  return found;
}

function inodeOf(node: Comparison): string | null {
  return node.kind === "removed" ? null : sharedInode(node.stat);
}

async function* entryOf(node: Comparison, linkTo: Buffer | undefined, chunk: Chunk): AsyncGenerator<Buffer> {
  if (node.kind === "removed") {
    chunk.add(encodeHeader(whiteoutOf(node)));
  } else if (linkTo !== undefined) {
    chunk.add(headerOf({ ...fieldsOf(node), kind: "hardlink", linkname: linkTo, size: 0 }));
  } else {
    chunk.add(headerOf(fieldsOf(node)));
    if (node.stat.kind === "file" && node.stat.size > 0) yield* contentOf(node, chunk);
  }
}

/** Encodes a node's header, unless its name would mean something else in a layer. */
function headerOf(fields: HeaderFields): Buffer {
  if (isWhiteoutName(fields.name.subarray(fields.name.lastIndexOf(SLASH) + 1))) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `/${printable(fields.name)}: a name that begins with .wh. cannot be in a layer, it would be a whiteout`,
      { hint: "rename it, or leave it out of the tree" },
    );
  }
  if (fields.kind === "char" && fields.devmajor === 0 && fields.devminor === 0) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `/${printable(fields.name)}: a character device 0/0 cannot be in a layer, it is the whiteout of overlayfs`,
      { hint: "compare the mounted tree, not the directories it is made of" },
    );
  }
  return encodeHeader(fields.name.length === 0 ? { ...fields, name: Buffer.from("./") } : fields);
}

function whiteoutOf({ path }: Comparison): HeaderFields {
  const name = path.subarray(path.lastIndexOf(SLASH) + 1);
  if (isWhiteoutName(name)) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `/${printable(path)}: the removal of a name that begins with .wh. cannot be in a layer`,
      { hint: "leave it in the tree" },
    );
  }
  const directory = path.subarray(0, path.length - name.length);
  const whiteout = Buffer.concat([directory, WHITEOUT, name]);
  return { kind: "file", name: whiteout, mode: 0, uid: 0, gid: 0, mtime: EPOCH };
}

function isWhiteoutName(name: Buffer): boolean {
  return name.subarray(0, WHITEOUT.length).equals(WHITEOUT);
}

function isBelow(path: Buffer, directory: Buffer): boolean {
  return directory.length === 0 ? path.length > 0 : isInside(path, directory);
}
