import { check, openDirectory, readlinkat, tryOpenat } from "../sys/at.ts";
import { ELOOP, ENOENT, ENOTDIR, systemError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../sys/flags.ts";
import { readDirectory } from "../sys/read-dir.ts";
import { type Stat, tryStatat } from "../sys/stat.ts";
import { getXattr } from "../sys/xattr.ts";

/** A node of the union of the layers below. `path` is the key of its parent joined with its name. */
export interface LowerNode {
  readonly stat: Stat;
  /** Root of the topmost layer that has it. */
  readonly rootFd: number;
  readonly path: Buffer;
}

const OPAQUE_XATTRS = ["trusted.overlay.opaque", "user.overlay.opaque"];

const HERE = Buffer.from(".");

/**
 * The union of overlay directories as overlayfs would show it, looked up without mounting: whiteouts, opaque
 * directories and changes of type as in the kernel's Documentation/filesystems/overlayfs.rst.
 */
export class LowerStack implements Disposable {
  readonly #roots: number[];
  readonly #contributors = new Map<string, readonly number[]>();

  /** `directories`: topmost first. */
  constructor(directories: readonly string[]) {
    this.#roots = directories.map(openDirectory);
    this.#contributors.set("", this.#roots);
  }

  /** The node at `name` in the directory `parent` (a key), null where the union shows none. */
  find(parent: string, name: string): LowerNode | null {
    return this.#look(parent, name).node;
  }

  /** The root directory of the topmost layer, null without layers. */
  root(): LowerNode | null {
    const rootFd = this.#roots[0];
    if (rootFd === undefined) return null;
    return { stat: tryStatat(rootFd, HERE) as Stat, rootFd, path: HERE };
  }

  /** What the union shows in the directory at `key`, by the bytes of the names. */
  list(key: string): Buffer[] {
    const path = key === "" ? HERE : Buffer.from(key, "latin1");
    const names = new Set(this.#directories(key).flatMap((rootFd) => namesBelow(rootFd, path)));
    return [...names]
      .filter((name) => this.find(key, name) !== null)
      .sort()
      .map((name) => Buffer.from(name, "latin1"));
  }

  readlink(node: LowerNode): Buffer {
    return readlinkat(node.rootFd, node.path);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#roots) close(fd);
    this.#roots.length = 0;
  }

  #look(parent: string, name: string): { node: LowerNode | null; directories: readonly number[] } {
    const path = Buffer.from(parent === "" ? name : `${parent}/${name}`, "latin1");
    const directories: number[] = [];
    let node: LowerNode | null = null;
    for (const rootFd of this.#directories(parent)) {
      const stat = statBelow(rootFd, path);
      if (stat === null) continue;
      if (isWhiteout(stat) || (node !== null && stat.kind !== "directory")) break;
      node ??= { stat, rootFd, path };
      if (stat.kind !== "directory") break;
      directories.push(rootFd);
      if (isOpaque(rootFd, path)) break;
    }
    return { node, directories };
  }

  /** Roots of the layers whose directories merge into the one at `key`; none where it is no directory. */
  #directories(key: string): readonly number[] {
    const known = this.#contributors.get(key);
    if (known !== undefined) return known;
    const slash = key.lastIndexOf("/");
    const { directories } = this.#look(slash === -1 ? "" : key.slice(0, slash), key.slice(slash + 1));
    this.#contributors.set(key, directories);
    return directories;
  }
}

/** As latin1. */
function namesBelow(rootFd: number, path: Buffer): string[] {
  const fd = check(tryOpenat(rootFd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open directory", path);
  try {
    return readDirectory(fd).map(({ name }) => name.toString("latin1"));
  } finally {
    close(fd);
  }
}

/** `path` is a key whose parents are real directories in this layer, so that no symlink is followed. */
function statBelow(rootFd: number, path: Buffer): Stat | null {
  const stat = tryStatat(rootFd, path);
  if (typeof stat !== "number") return stat;
  if (stat === -ENOENT || stat === -ENOTDIR || stat === -ELOOP) return null;
  throw systemError(stat, "look at", path);
}

/** Whether overlayfs takes it for a deletion. */
export function isWhiteout(stat: Stat): boolean {
  return stat.kind === "char" && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

/** Whether overlayfs shows nothing of the layers below in this directory. */
export function isOpaque(rootFd: number, path: Buffer): boolean {
  return OPAQUE_XATTRS.some((key) => getXattr(rootFd, path, key)?.toString("latin1") === "y");
}
