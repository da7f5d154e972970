import { pathFailure } from "../core/path-failure.ts";
import { check, readlinkat, tryOpenat, tryOpenat2 } from "./at.ts";
import { ENOENT, systemError } from "./errno.ts";
import { close } from "./file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from "./flags.ts";
import { fstat, type Stat, tryStatat } from "./stat.ts";

/** A name in a tree, reached without following a symlink any more. */
export interface RootPlace extends Disposable {
  /** From the root on; none for the root itself. No symlink is among those before the last. */
  readonly names: readonly Buffer[];
  /** The directory that it is in (O_PATH); of the root, the root. */
  readonly directory: number;
  /** Within that; "." for the root. */
  readonly name: Buffer;
  /** null where nothing has the name. */
  readonly stat: Stat | null;
}

export interface ResolveInRootOptions {
  /** Follow a symlink in the last place too, also one that leads to nothing yet. */
  readonly followLast: boolean;
}

/** As the kernel's MAXSYMLINKS. */
const MAX_SYMLINKS = 40;
const HERE = Buffer.from(".");
const OPEN_DIRECTORY = O_PATH | O_DIRECTORY | O_NOFOLLOW;

/**
 * Resolves a path with `root`, an open directory, for `/`: symlinks are followed inside it, and `..` of the root is the
 * root. Each step is one name in one open directory and follows nothing, so that nobody who changes the tree meanwhile
 * can lead it outside. The last name may be absent; a slash after it asks for a directory.
 *
 * Fails with NOT_FOUND, whose errno tells why: ENOENT, ENOTDIR, ELOOP.
 */
export function resolveInRoot(root: number, path: Buffer, { followLast }: ResolveInRootOptions): RootPlace {
  if (path.length === 0) throw pathFailure("ENOENT", path);
  const above = new Descent(root);
  try {
    const todo = partsOf(path);
    let symlinks = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name.length === 0 || name.equals(HERE)) continue;
      if (name.equals(DOT_DOT)) {
        above.leave();
        continue;
      }
      const stat = statOf(above.fd, name);
      const isLast = todo.length === 0;
      if (stat?.kind === "symlink" && (followLast || !isLast)) {
        if (++symlinks > MAX_SYMLINKS) throw pathFailure("ELOOP", path);
        const target = readlinkat(above.fd, name);
        if (target[0] === SLASH) above.leaveAll();
        todo.push(...partsOf(target));
      } else if (stat?.kind === "directory") {
        above.enter(name);
      } else if (stat === null && todo.some((rest) => rest.length > 0 && !rest.equals(HERE))) {
        throw pathFailure("ENOENT", path);
      } else if (stat !== null && !isLast) {
        throw pathFailure("ENOTDIR", path);
      } else {
        return above.place(name, stat);
      }
    }
    return above.placeHere();
  } catch (error) {
    above[Symbol.dispose]();
    throw error;
  }
}

const DOT_DOT = Buffer.from("..");
const SLASH = 0x2f;
const SLASHES = Buffer.from("/");

/** The directory where the resolution stands, by the names that lead to it. */
class Descent implements Disposable {
  readonly #root: number;
  readonly #names: Buffer[] = [];
  /** Null for the root. */
  #fd: number | null = null;

  constructor(root: number) {
    this.#root = root;
  }

  get fd(): number {
    return this.#fd ?? this.#root;
  }

  enter(name: Buffer): void {
    this.#stand(check(tryOpenat(this.fd, name, OPEN_DIRECTORY), "open directory", name));
    this.#names.push(name);
  }

  leave(): void {
    this.#names.pop();
    this.#stand(this.#reopen());
  }

  leaveAll(): void {
    this.#names.length = 0;
    this.#stand(null);
  }

  place(name: Buffer, stat: Stat | null): RootPlace {
    return {
      ...{ names: [...this.#names, name], directory: this.fd, name, stat },
      [Symbol.dispose]: () => this.#stand(null),
    };
  }

  /** The directory itself, by its name in the one above. */
  placeHere(): RootPlace {
    const stat = fstat(this.fd);
    const name = this.#names.pop();
    this.#stand(this.#reopen());
    return name === undefined ? { ...this.place(HERE, stat), names: [] } : this.place(name, stat);
  }

  [Symbol.dispose](): void {
    this.#stand(null);
  }

  #stand(fd: number | null): void {
    if (this.#fd !== null) close(this.#fd);
    this.#fd = fd;
  }

  #reopen(): number | null {
    if (this.#names.length === 0) return null;
    const path = Buffer.concat(this.#names.flatMap((name, index) => (index === 0 ? [name] : [SLASHES, name])));
    const fd = tryOpenat2(this.#root, path, OPEN_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    return check(fd, "open directory", path);
  }
}

function statOf(directory: number, name: Buffer): Stat | null {
  const stat = tryStatat(directory, name);
  if (stat === -ENOENT) return null;
  if (typeof stat === "number") throw systemError(stat, "look at", name);
  return stat;
}

/** The parts of a path, last first. A trailing slash leaves an empty part, so that what is before it is not the last. */
function partsOf(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start <= path.length; ) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    parts.push(Buffer.from(path.subarray(start, end)));
    start = end + 1;
  }
  return parts.reverse();
}
