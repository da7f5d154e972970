import { LayerfsError, printable } from "../core/errors.ts";
import { check, fchmodat, tryOpenat, tryOpenat2 } from "./at.ts";
import { EACCES, EXDEV, systemError } from "./errno.ts";
import { close } from "./file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from "./flags.ts";
import { fstat } from "./stat.ts";

/**
 * A place in a directory tree that can be deeper than PATH_MAX and than the number of descriptors a process may have:
 * it holds one descriptor, of the directory it stands in, and goes back up by `..`.
 *
 * It never follows a symlink nor crosses into another mount.
 */
export class TreeCursor implements Disposable {
  #fd: number;
  readonly #above: string[] = [];
  readonly #unlock: boolean;

  /**
   * `unlock`: an unprivileged owner's directories are opened to him where their mode keeps him out, which is only right
   * where they are about to be removed. Fails with CONFLICT if `name` is a mount point, otherwise as `systemError`.
   */
  constructor(dirfd: number, name: Buffer, options: { readonly unlock?: boolean } = {}) {
    this.#unlock = options.unlock ?? false;
    this.#fd = check(tryOpenat(dirfd, name, DIRECTORY), "open directory", name);
  }

  /** The directory it stands in; valid until it moves. */
  get fd(): number {
    return this.#fd;
  }

  /** How many directories it is below its start. */
  get depth(): number {
    return this.#above.length;
  }

  enter(name: Buffer): void {
    const child = openChild(this.#fd, name, this.#unlock);
    this.#above.push(identity(this.#fd));
    close(this.#fd);
    this.#fd = child;
  }

  /** Fails with CONFLICT if the directory was moved elsewhere since it was entered. */
  leave(): void {
    const parent = check(tryOpenat(this.#fd, DOT_DOT, DIRECTORY), "open directory", DOT_DOT);
    close(this.#fd);
    this.#fd = parent;
    if (identity(parent) !== this.#above.pop()) {
      throw new LayerfsError("CONFLICT", "a directory was moved while its tree was walked", {
        hint: "another program changes the tree; try again when it has ended",
      });
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

const DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
const DOT_DOT = Buffer.from("..");

function openChild(dirfd: number, name: Buffer, unlock: boolean): number {
  const open = () => tryOpenat2(dirfd, name, DIRECTORY, 0, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
  let child = open();
  if (child === -EACCES && unlock) {
    fchmodat(dirfd, name, 0o700);
    child = open();
  }
  if (child === -EXDEV) {
    throw new LayerfsError("CONFLICT", `${printable(name)} is a mount point`, { hint: "unmount it first" });
  }
  if (child < 0) throw systemError(child, "open directory", name);
  return child;
}

function identity(fd: number): string {
  const { dev, ino } = fstat(fd);
  return `${dev}/${ino}`;
}
