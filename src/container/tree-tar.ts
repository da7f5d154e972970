import { compareTrees } from "../layer/compare-trees.ts";
import { Chunk, contentOf, fieldsOf, type NamedNode, sharedInode } from "../layer/node-entry.ts";
import { check, tryOpenat } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../sys/flags.ts";
import type { RootPlace } from "../sys/resolve-in-root.ts";
import { END_OF_ARCHIVE, encodeHeader } from "../tar/writer.ts";
import type { ExportOptions } from "../view/export.ts";

export type TreeTarOptions = Pick<ExportOptions, "name" | "withStart" | "owner">;

const SLASH = Buffer.from("/");
const ROOT = Buffer.from("./");

/**
 * A node on disk with all below it as a tar, in the order of `exportTree`: a directory before its content, siblings by the
 * bytes of their names. The names of one inode stay linked, the first has the data. Sockets are left out, and attributes
 * that belong to the machine. No symlink is followed. Fails with CONFLICT at a mount point, and where a file becomes shorter
 * while it is read.
 */
export async function* treeTar(start: RootPlace, options: TreeTarOptions): AsyncGenerator<Buffer> {
  const firstNames = new Map<string, Buffer>();
  const chunk = new Chunk();
  for (const found of nodesFrom(start)) {
    if (found.path.length === 0 && !options.withStart) continue;
    const node = { ...found, path: nameOf(found.path, options.name) };
    const fields = { ...fieldsOf(node), ...options.owner };
    const inode = sharedInode(node.stat);
    const linkname = inode === null ? undefined : firstNames.get(inode);
    if (linkname !== undefined) {
      chunk.add(encodeHeader({ ...fields, kind: "hardlink", linkname, size: 0 }));
    } else {
      if (inode !== null) firstNames.set(inode, node.path);
      chunk.add(encodeHeader(fields));
      if (node.stat.kind === "file" && node.stat.size > 0) yield* contentOf(node, chunk);
    }
    if (chunk.isFull) yield chunk.take();
  }
  chunk.add(END_OF_ARCHIVE);
  yield chunk.take();
}

/** The paths are from the start, whose own is empty. */
function* nodesFrom({ directory, name, stat }: RootPlace): Generator<NamedNode> {
  if (stat === null || stat.kind === "socket") return;
  if (stat.kind !== "directory") {
    yield { path: Buffer.alloc(0), stat, directory, name };
    return;
  }
  const fd = check(tryOpenat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open directory", name);
  try {
    yield* compareTrees(null, `/proc/self/fd/${fd}/.`, { withoutSockets: true });
  } finally {
    close(fd);
  }
}

function nameOf(path: Buffer, name: Buffer): Buffer {
  if (path.length === 0) return name.length === 0 ? ROOT : name;
  return name.length === 0 ? path : Buffer.concat([name, SLASH, path]);
}
