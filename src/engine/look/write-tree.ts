import { LayerfsError, printable } from "../../core/errors.ts";
import { applyTar } from "../../layer/apply/apply-tar.ts";
import type { LayerWriter } from "../../layer/apply/layer-writer.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import { treeTarget } from "../../layer/apply/tree-target.ts";
import { type Warning, Warnings } from "../../layer/apply/warnings.ts";
import { fchmodat, openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { Found, Directory as UnionDirectory } from "../../union/change-target.ts";
import { joinKey, printableKey } from "../../union/entry-path.ts";

export interface WrittenTree {
  readonly warnings: readonly Warning[];
  /** Gives directories the modes that would have kept their owner out; `directory` is where the tree is by now. */
  setModes(directory: string): void;
}

/** All that a user without privilege needs to fill a directory, to move it and to remove it. */
const OWNER_MAY_ALL = 0o700;

/**
 * Adds the tree of a tar, whose names are clean and whose directories come first, to a directory of this machine. A
 * directory never takes the place of what is none, nor the other way round: CONFLICT, and what was written stays. What
 * the caller may not set (owners, device nodes, attributes) is left out with a warning.
 */
export async function writeTree(
  directory: string,
  tar: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<WrittenTree> {
  const rootFd = openDirectory(directory);
  const warnings = new Warnings();
  using writer = treeTarget(rootFd, { ignoreOwners: true, warnings, implyRoot: false, keepRootTime: false });
  const modes: DirectoryMode[] = [];
  const guarded = withoutReplacing(writer, modes);
  await applyTar(tar, guarded, { space: spaceGuard(rootFd, { maxLayerSize: null }), signal });
  const written = writer.finish([]);
  return { warnings: written.warnings, setModes: (tree) => setModes(tree, modes) };
}

interface DirectoryMode {
  /** From the directory that the tree was written to. */
  readonly path: Buffer;
  readonly mode: number;
}

function setModes(directory: string, modes: readonly DirectoryMode[]): void {
  if (modes.length === 0) return;
  const fd = openDirectory(directory);
  try {
    // What lies below first: a directory that keeps its owner out is no way to another any more.
    for (const { path, mode } of modes.toReversed()) fchmodat(fd, path, mode);
  } finally {
    close(fd);
  }
}

function withoutReplacing(writer: LayerWriter, modes: DirectoryMode[]): LayerWriter {
  const isRoot = process.geteuid?.() === 0;
  const openly = (entry: TarEntry, path: string): TarEntry => {
    if (isRoot || entry.kind !== "directory" || (entry.mode & OWNER_MAY_ALL) === OWNER_MAY_ALL) return entry;
    modes.push({ path: Buffer.from(path, "latin1"), mode: entry.mode });
    return { ...entry, mode: entry.mode | OWNER_MAY_ALL };
  };
  const refuse = (at: UnionDirectory, name: Buffer, found: Found["kind"], isDirectory: boolean): void => {
    if (found === "absent" || (found === "directory") === isDirectory) return;
    const there = isDirectory ? "no directory" : "a directory";
    throw new LayerfsError("CONFLICT", `${printableKey(joinKey(at.path, name))} is ${there} in the destination`, {
      hint: `the image has ${isDirectory ? "a directory" : "no directory"} there; remove ${printable(name)} first`,
    });
  };
  return {
    root: writer.root,
    lookup: (at, name) => writer.lookup(at, name),
    enter: (at, name) => writer.enter(at, name),
    makeParent(at, name) {
      refuse(at, name, writer.lookup(at, name).kind, true);
      return writer.makeParent(at, name);
    },
    put(at, name, entry: TarEntry) {
      refuse(at, name, writer.lookup(at, name).kind, entry.kind === "directory");
      return writer.put(at, name, openly(entry, joinKey(at.path, name)));
    },
    putRoot: (entry) => writer.putRoot(openly(entry, ".")),
    link(at, name, to, toName, entry) {
      refuse(at, name, writer.lookup(at, name).kind, false);
      return writer.link(at, name, to, toName, entry);
    },
    whiteout: (at, name) => writer.whiteout(at, name),
    opaque: (at) => writer.opaque(at),
    putReserved: (path, entry) => writer.putReserved(path, entry),
    linkReserved: (at, name, path, entry) => writer.linkReserved(at, name, path, entry),
    write: (bytes, position) => writer.write(bytes, position),
    endEntry: () => writer.endEntry(),
    finish: (lowers) => writer.finish(lowers),
    [Symbol.dispose]: () => writer[Symbol.dispose](),
  };
}
