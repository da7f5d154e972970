import { LayerfsError, printable } from "../core/errors.ts";
import { applyTar } from "../layer/apply/apply-tar.ts";
import type { LayerWriter } from "../layer/apply/layer-writer.ts";
import { spaceGuard } from "../layer/apply/space-guard.ts";
import { treeTarget } from "../layer/apply/tree-target.ts";
import { type Warning, Warnings } from "../layer/apply/warnings.ts";
import { openDirectory } from "../sys/at.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { Found, Directory as UnionDirectory } from "../union/change-target.ts";
import { joinKey, printableKey } from "../union/entry-path.ts";

/**
 * Adds the tree of a tar, whose names are clean and whose directories come first, to a directory of this machine. A
 * directory never takes the place of what is none, nor the other way round: CONFLICT, and what was written stays. What
 * the caller may not set (owners, device nodes, attributes) is left out with a warning.
 */
export async function writeTree(
  directory: string,
  tar: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<readonly Warning[]> {
  const rootFd = openDirectory(directory);
  const warnings = new Warnings();
  using writer = treeTarget(rootFd, { ignoreOwners: true, warnings, implyRoot: false, keepRootTime: false });
  await applyTar(tar, withoutReplacing(writer), { space: spaceGuard(rootFd, { maxLayerSize: null }), signal });
  return writer.finish([]).warnings;
}

function withoutReplacing(writer: LayerWriter): LayerWriter {
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
      return writer.put(at, name, entry);
    },
    putRoot: (entry) => writer.putRoot(entry),
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
