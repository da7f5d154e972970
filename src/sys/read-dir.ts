import { check, orErrno } from "./at.ts";
import { native } from "./native.ts";
import type { NodeKind } from "./stat.ts";

export interface DirectoryEntry {
  readonly name: Buffer;
  /** Absent where the file system does not tell (no d_type). */
  readonly kind?: NodeKind;
}

/**
 * All entries of an open directory (not O_PATH) but `.` and `..`, sorted by the bytes of their names. Can be repeated
 * on one descriptor. Throws `systemError`.
 */
export function readDirectory(fd: number): DirectoryEntry[] {
  const { lseek, syscallGetdents } = native();
  check(orErrno(lseek(fd, 0, SEEK_SET)), "read directory", `descriptor ${fd}`);
  const number = process.arch === "x64" ? SYS_GETDENTS64_X64 : SYS_GETDENTS64_GENERIC;
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const result = orErrno(syscallGetdents(number, fd, BUFFER, BUFFER.length));
    const size = check(result, "read directory", `descriptor ${fd}`);
    if (size === 0) return entries.sort((a, b) => Buffer.compare(a.name, b.name));
    decodeEntries(BUFFER.subarray(0, size), entries);
  }
}

const SEEK_SET = 0;
const SYS_GETDENTS64_X64 = 217;
const SYS_GETDENTS64_GENERIC = 61;
const BUFFER = Buffer.alloc(64 * 1024);

const KINDS: ReadonlyMap<number, NodeKind> = new Map<number, NodeKind>([
  [1, "fifo"],
  [2, "char"],
  [4, "directory"],
  [6, "block"],
  [8, "file"],
  [10, "symlink"],
  [12, "socket"],
]);

/** struct linux_dirent64: ino 8, offset 8, length of the record 2, type 1, name with its NUL. */
function decodeEntries(records: Buffer, entries: DirectoryEntry[]): void {
  for (let at = 0; at < records.length; at += records.readUInt16LE(at + 16)) {
    const name = records.subarray(at + 19, records.indexOf(0, at + 19));
    if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT))) continue;
    const kind = KINDS.get(records[at + 18] ?? 0);
    entries.push(kind === undefined ? { name: Buffer.from(name) } : { name: Buffer.from(name), kind });
  }
}

const DOT = 0x2e;
