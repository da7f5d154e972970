import type { NodeStat } from "../../../view/lookup.ts";
import type { ViewNode } from "../../../view/view.ts";

/** Type bits of st_mode (inode(7)). */
const TYPE_BITS: Readonly<Record<NodeStat["kind"], number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
};
const BLOCK_SIZE = 4096;

/** What kind of a node something is, in the words of `node:fs`. */
export interface NodeKindTests {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

/** As `fs.Stats`; every time is the time of modification, for layers have no other. */
export interface ImageStats extends NodeKindTests {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;
}

type BigIntFields = {
  readonly [Key in keyof ImageStats as ImageStats[Key] extends number ? Key : never]: bigint;
};

/** As `fs.BigIntStats`. */
export interface BigIntImageStats extends NodeKindTests, BigIntFields {
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;
}

export function kindTests(kind: NodeStat["kind"]): NodeKindTests {
  return {
    isFile: () => kind === "file",
    isDirectory: () => kind === "directory",
    isSymbolicLink: () => kind === "symlink",
    isCharacterDevice: () => kind === "char",
    isBlockDevice: () => kind === "block",
    isFIFO: () => kind === "fifo",
    isSocket: () => false,
  };
}

export function statsOf(node: ViewNode): ImageStats {
  const { seconds, nanoseconds } = node.mtime;
  const time = seconds * 1000 + nanoseconds / 1e6;
  return {
    ...numbersOf(node),
    ...{ atimeMs: time, mtimeMs: time, ctimeMs: time, birthtimeMs: time },
    ...datesOf(time),
    ...kindTests(node.kind),
  };
}

export function bigIntStatsOf(node: ViewNode): BigIntImageStats {
  const nanoseconds = BigInt(node.mtime.seconds) * 1_000_000_000n + BigInt(node.mtime.nanoseconds);
  const time = nanoseconds / 1_000_000n;
  const numbers = Object.entries(numbersOf(node)).map(([key, value]) => [key, BigInt(value)]);
  return {
    ...(Object.fromEntries(numbers) as Record<keyof ReturnType<typeof numbersOf>, bigint>),
    ...{ atimeMs: time, mtimeMs: time, ctimeMs: time, birthtimeMs: time },
    ...{ atimeNs: nanoseconds, mtimeNs: nanoseconds, ctimeNs: nanoseconds, birthtimeNs: nanoseconds },
    ...datesOf(Number(time)),
    ...kindTests(node.kind),
  };
}

function numbersOf({ ino, kind, mode, nlink, uid, gid, device, size }: ViewNode) {
  return {
    dev: 0,
    ino,
    mode: TYPE_BITS[kind] | mode,
    nlink,
    uid,
    gid,
    rdev: device === null ? 0 : deviceNumber(device),
    size,
    blksize: BLOCK_SIZE,
    blocks: Math.ceil(size / 512),
  };
}

/** As the C library's makedev(3), for numbers that the kernel allows (12 and 20 bits). */
function deviceNumber({ major, minor }: { readonly major: number; readonly minor: number }): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x100000;
}

/** Rounded as in Node.js. */
function datesOf(milliseconds: number) {
  const date = (): Date => new Date(Math.round(milliseconds));
  return { atime: date(), mtime: date(), ctime: date(), birthtime: date() };
}
