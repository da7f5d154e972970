import { check, readlinkat, tryOpenat } from "../sys/at.ts";
import { ENOENT, systemError } from "../sys/errno.ts";
import { close, pread } from "../sys/file.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "../sys/flags.ts";
import { type Stat, tryStatat } from "../sys/stat.ts";
import { layerXattrs } from "./layer-xattrs.ts";

/** A node in one of two trees that are compared. The descriptor is valid until the next step of the walk. */
export interface ComparedNode {
  readonly stat: Stat;
  readonly directory: number;
  /** Leads from `directory` to the node; "." for the root. */
  readonly name: Buffer;
}

/** A name of one tree or both, as it is now; what is removed, as it was. */
export interface Comparison extends ComparedNode {
  readonly kind: Change;
  /** Bytes, without a leading slash; empty for the root. */
  readonly path: Buffer;
}

export type Change = "added" | "changed" | "same" | "removed";

export interface CompareOptions {
  /** Take sockets for absent, as a layer cannot hold them. */
  readonly withoutSockets: boolean;
  /** A directory of which only the time differs is changed too. */
  readonly directoryTimes?: boolean;
  /** Of the extended attributes only capabilities count, as for `docker diff`. */
  readonly capabilitiesOnly?: boolean;
  /** Whether the content of a file is compared that is otherwise the same in both trees. Default: of none. */
  readonly readsContent?: (current: Stat) => boolean;
}

const PIECE_SIZE = 128 * 1024;

/**
 * "changed" is Docker's rule: another type, mode, owner, device number, link target, capability or `user.` attribute,
 * and for all but directories another size or modification time. Where one of two times has no nanoseconds, as a tar may
 * have cut them off, seconds decide.
 */
export function changeOf(old: ComparedNode | null, current: ComparedNode, options: CompareOptions): Change {
  if (old === null) return "added";
  if (!isSame(old, current, options)) return "changed";
  const isRead = current.stat.kind === "file" && options.readsContent?.(current.stat) === true;
  return isRead && !hasSameContent(old, current) ? "changed" : "same";
}

/** Null for a node that is not to be seen, or was removed since its directory was read. Fails as `systemError`. */
export function statOf(directory: number, name: Buffer, options: CompareOptions): Stat | null {
  const stat = tryStatat(directory, name);
  if (stat === -ENOENT) return null;
  if (typeof stat === "number") throw systemError(stat, "look at", name);
  return isSeen(stat, options) ? stat : null;
}

export function isSeen(stat: Stat, { withoutSockets }: CompareOptions): boolean {
  return stat.kind !== "socket" || !withoutSockets;
}

function isSame(old: ComparedNode, current: ComparedNode, options: CompareOptions): boolean {
  const [a, b] = [old.stat, current.stat];
  if (a.kind !== b.kind || a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor) return false;
  if (a.kind !== "directory" && a.size !== b.size) return false;
  if ((a.kind !== "directory" || options.directoryTimes) && !isSameTime(a, b)) return false;
  if (a.kind === "symlink" && !linkTarget(old).equals(linkTarget(current))) return false;
  return isSameXattrs(xattrsOf(old, options), xattrsOf(current, options));
}

function isSameTime({ mtime: a }: Stat, { mtime: b }: Stat): boolean {
  if (a.seconds !== b.seconds) return false;
  return a.nanoseconds === b.nanoseconds || a.nanoseconds === 0 || b.nanoseconds === 0;
}

function linkTarget({ directory, name }: ComparedNode): Buffer {
  return readlinkat(directory, name);
}

/** Of two files of one size. */
function hasSameContent(old: ComparedNode, current: ComparedNode): boolean {
  const [fd, otherFd] = [openFile(old), openFile(current)];
  try {
    const [bytes, others] = [Buffer.allocUnsafe(PIECE_SIZE), Buffer.allocUnsafe(PIECE_SIZE)];
    for (let at = 0; ; at += PIECE_SIZE) {
      const [size, otherSize] = [pread(fd, bytes, at), pread(otherFd, others, at)];
      if (!bytes.subarray(0, size).equals(others.subarray(0, otherSize))) return false;
      if (size < PIECE_SIZE) return true;
    }
  } finally {
    close(fd);
    close(otherFd);
  }
}

function openFile({ directory, name }: ComparedNode): number {
  return check(tryOpenat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), "open", name);
}

function xattrsOf({ directory, name }: ComparedNode, { capabilitiesOnly = false }: CompareOptions): Xattrs {
  const all = layerXattrs(directory, name);
  return capabilitiesOnly ? new Map([...all].filter(([key]) => key === "security.capability")) : all;
}

type Xattrs = ReadonlyMap<string, Buffer>;

function isSameXattrs(old: Xattrs, current: Xattrs): boolean {
  return old.size === current.size && [...old].every(([key, value]) => current.get(key)?.equals(value) === true);
}
