import {
  check,
  fchmod,
  fchmodat,
  fchownat,
  futimens,
  readlinkat,
  tryMknodat,
  tryOpenat,
  trySymlinkat,
  utimensat,
} from "./at.ts";
import { copyFileContent } from "./copy-file.ts";
import { systemError } from "./errno.ts";
import { close } from "./file.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
} from "./flags.ts";
import { type NodeKind, type Stat, tryStatat } from "./stat.ts";
import { getXattr, getXattrOf, listXattrs, listXattrsOf, setXattr, setXattrOf } from "./xattr.ts";

/**
 * Copies one node that is no directory, with its owner, mode, times, extended attributes and holes, as a new inode.
 * `targetName` must be free.
 */
export function copyNode(sourceDir: number, sourceName: Buffer, targetDir: number, targetName: Buffer): void {
  const stat = tryStatat(sourceDir, sourceName);
  if (typeof stat === "number") throw systemError(stat, "read the attributes of", sourceName);
  if (stat.kind === "file") copyFile(sourceDir, sourceName, targetDir, targetName, stat);
  else copySpecial(sourceDir, sourceName, targetDir, targetName, stat);
}

function copyFile(sourceDir: number, sourceName: Buffer, targetDir: number, targetName: Buffer, stat: Stat): void {
  // O_NONBLOCK: never wait, should the file have become a fifo in between.
  const source = check(tryOpenat(sourceDir, sourceName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), "open", sourceName);
  try {
    const target = check(tryOpenat(targetDir, targetName, O_WRONLY | O_CREAT | O_EXCL, 0o600), "create", targetName);
    try {
      copyFileContent(source, target, stat);
      copyOpenAttributes(source, target, stat);
    } finally {
      close(target);
    }
  } finally {
    close(source);
  }
}

const NODE_TYPES: Readonly<Partial<Record<NodeKind, number>>> = {
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
};

function copySpecial(sourceDir: number, sourceName: Buffer, targetDir: number, name: Buffer, stat: Stat): void {
  const type = NODE_TYPES[stat.kind];
  const result =
    type === undefined
      ? trySymlinkat(readlinkat(sourceDir, sourceName), targetDir, name)
      : tryMknodat(targetDir, name, type | 0o600, stat.rdevMajor, stat.rdevMinor);
  check(result, "create", name);
  fchownat(targetDir, name, stat.uid, stat.gid);
  for (const attribute of listXattrs(sourceDir, sourceName)) {
    const value = getXattr(sourceDir, sourceName, attribute);
    if (value !== null) setXattr(targetDir, name, attribute, value);
  }
  if (stat.kind !== "symlink") fchmodat(targetDir, name, stat.mode);
  utimensat(targetDir, name, stat.mtime);
}

/** Between open files. The owner first: a change of owner clears set-id bits and file capabilities. */
export function copyOpenAttributes(source: number, target: number, stat: Stat): void {
  fchownat(target, Buffer.alloc(0), stat.uid, stat.gid);
  for (const attribute of listXattrsOf(source)) {
    const value = getXattrOf(source, attribute);
    if (value !== null) setXattrOf(target, attribute, value);
  }
  fchmod(target, stat.mode);
  futimens(target, stat.mtime);
}
