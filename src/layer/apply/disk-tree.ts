import type { Timespec } from "../../core/timespec.ts";
import { tryOpenat2 } from "../../sys/at.ts";
import { ENOENT, systemError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from "../../sys/flags.ts";
import { fstat, type Stat, tryStatat } from "../../sys/stat.ts";

export interface OpenDirectory {
  readonly fd: number;
  /** New files get the directory's group, whatever the writer's is. */
  readonly setgid: boolean;
  /** As it was when the directory was first opened here, before anything was put into it. */
  readonly mtime: Timespec;
}

const MAX_OPEN = 128;
const HERE = Buffer.from(".");

/**
 * The directories of one tree on disk, opened by real path (see `pathKey`) below a fixed root. No symlink is ever
 * followed, so nothing outside the root can be reached whatever the tree holds.
 */
export class DiskTree implements Disposable {
  readonly #rootFd: number;
  readonly #open = new Map<string, OpenDirectory>();

  /** Takes over `rootFd`. */
  constructor(rootFd: number) {
    this.#rootFd = rootFd;
  }

  /** The directory at `path`, or -errno: -ENOENT, -ENOTDIR, -ELOOP where something else stands there. */
  tryDirectory(path: string): OpenDirectory | number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const fd = tryOpenat2(
      this.#rootFd,
      path === "" ? HERE : Buffer.from(path, "latin1"),
      O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    );
    if (fd < 0) return fd;
    const stat = fstat(fd);
    const opened: OpenDirectory = { fd, setgid: (stat.mode & 0o2000) !== 0, mtime: stat.mtime };
    this.#open.set(path, opened);
    if (this.#open.size > MAX_OPEN) this.#closeOldest();
    return opened;
  }

  directory(path: string): OpenDirectory {
    const found = this.tryDirectory(path);
    if (typeof found === "number") throw systemError(found, "open directory", `/${path}`);
    return found;
  }

  /** What stands at `name` in the directory `path`; null where there is neither. */
  stat(path: string, name: Buffer): Stat | null {
    const at = this.tryDirectory(path);
    if (typeof at === "number") return null;
    const stat = tryStatat(at.fd, name);
    if (typeof stat !== "number") return stat;
    if (stat === -ENOENT) return null;
    throw systemError(stat, "look at", name);
  }

  /** Must be called before `path` or what is below it is removed or replaced. */
  forget(path: string): void {
    for (const [key, opened] of this.#open) {
      if (key !== path && !key.startsWith(`${path}/`)) continue;
      close(opened.fd);
      this.#open.delete(key);
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#open.values()) close(fd);
    this.#open.clear();
    close(this.#rootFd);
  }

  #closeOldest(): void {
    const [path, opened] = this.#open.entries().next().value as [string, OpenDirectory];
    this.#open.delete(path);
    close(opened.fd);
  }
}
