import { check, fchmod, tryMkdirat, tryOpenat, trySymlinkat, tryUnlinkat } from "../sys/at.ts";
import { EEXIST, EISDIR, ENOENT, EPERM } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } from "../sys/flags.ts";

type MountPoint = "directory" | "file" | { readonly symlink: string };

/** What must be there for a runtime to mount on (moby, daemon/initlayer/setup_unix.go). */
const MOUNT_POINTS: readonly (readonly [path: string, kind: MountPoint])[] = [
  ["dev/pts", "directory"],
  ["dev/shm", "directory"],
  ["proc", "directory"],
  ["sys", "directory"],
  [".dockerenv", "file"],
  ["etc/resolv.conf", "file"],
  ["etc/hosts", "file"],
  ["etc/hostname", "file"],
  ["dev/console", "file"],
  ["etc/mtab", { symlink: "/proc/mounts" }],
];

const MODE = 0o755;

/**
 * Puts the mount points of every container into the tree at `root`, as Docker does: what the image has of these names and
 * is no directory, also on the way to them, gives way to an empty file or a new directory. So no symlink is followed.
 */
export function writeMountPoints(root: number): void {
  for (const [path, kind] of MOUNT_POINTS) {
    const names = path.split("/").map((name) => Buffer.from(name));
    const last = names.pop() as Buffer;
    const opened: number[] = [];
    try {
      for (const name of names) opened.push(enterDirectory(opened.at(-1) ?? root, name));
      makeMountPoint(opened.at(-1) ?? root, last, kind);
    } finally {
      for (const fd of opened) close(fd);
    }
  }
}

function enterDirectory(parent: number, name: Buffer): number {
  removeUnlessDirectory(parent, name);
  const isNew = makeDirectory(parent, name);
  const fd = check(tryOpenat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open directory", name);
  if (isNew) fchmod(fd, MODE);
  return fd;
}

function makeMountPoint(parent: number, name: Buffer, kind: MountPoint): void {
  if (kind === "directory") {
    close(enterDirectory(parent, name));
    return;
  }
  removeUnlessDirectory(parent, name);
  if (kind === "file") {
    const fd = tryOpenat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    if (fd === -EEXIST) return;
    fchmod(check(fd, "make", name), MODE);
    close(fd);
    return;
  }
  const result = trySymlinkat(Buffer.from(kind.symlink), parent, name);
  if (result !== -EEXIST) check(result, "make symlink", name);
}

function makeDirectory(parent: number, name: Buffer): boolean {
  const result = tryMkdirat(parent, name, MODE);
  if (result !== -EEXIST) check(result, "make directory", name);
  return result !== -EEXIST;
}

function removeUnlessDirectory(parent: number, name: Buffer): void {
  const result = tryUnlinkat(parent, name);
  // EPERM is what POSIX has for a directory.
  if (result !== -ENOENT && result !== -EISDIR && result !== -EPERM) check(result, "remove", name);
}
