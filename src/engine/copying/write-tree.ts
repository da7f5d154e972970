import { LayerfsError, printable } from "../../core/errors.ts";
import { type ApplyTarOptions, applyTar } from "../../layer/apply/apply-tar.ts";
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

export interface WriteTreeOptions {
  /** What the caller may not set (owners, device nodes, attributes) is left out with a warning. */
  readonly ignoreOwners: boolean;
  /** Others use the tree meanwhile: a file gets its name when it is whole. */
  readonly nameWhenWhole?: boolean;
  readonly change?: ApplyTarOptions["change"];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds the tree of a tar to the one below an open directory, which it takes over. Files and links replace such; a directory
 * never takes the place of what is none, nor the other way round: CONFLICT, and what was written stays. Symlinks on the way
 * to a name are followed inside the tree.
 */
export async function writeTree(
  rootFd: number,
  tar: AsyncIterable<Buffer>,
  { ignoreOwners, nameWhenWhole = false, change, signal }: WriteTreeOptions,
): Promise<WrittenTree> {
  const warnings = new Warnings();
  using writer = treeTarget(rootFd, { ignoreOwners, nameWhenWhole, warnings, implyRoot: false, keepTimes: false });
  const modes: DirectoryMode[] = [];
  const guarded = withoutReplacing(writer, modes);
  const space = spaceGuard(rootFd, { maxLayerSize: null });
  await applyTar(tar, guarded, { space, signal, plain: true, ...(change && { change }) });
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
    const [what, other] = isDirectory ? ["non-directory", "directory"] : ["directory", "non-directory"];
    const path = printableKey(joinKey(at.path, name));
    throw new LayerfsError("CONFLICT", `cannot overwrite ${what} ${path} with ${other}`, {
      hint: `remove ${printable(name)} from the destination first`,
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
