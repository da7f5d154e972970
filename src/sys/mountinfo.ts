import { readFileSync } from "node:fs";
import { fromNodeError } from "./errno.ts";

/** One mount, as /proc/PID/mountinfo tells it (proc(5)). */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** Which directory of the file system is its root here. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount. */
  readonly options: readonly string[];
  readonly fsType: string;
  readonly source: string;
  /** Options of the file system. */
  readonly superOptions: readonly string[];
}

/**
 * The mounts that a process sees, in the order of mounting. "thread-self", the default, is the calling thread, which
 * may be in another mount namespace than its process. Throws `systemError` (SYSTEM with ENOENT: no such process).
 */
export function readMountInfo(pid: number | "self" | "thread-self" = "thread-self"): MountInfo[] {
  const path = `/proc/${pid}/mountinfo`;
  try {
    return parseMountInfo(readFileSync(path, "latin1"));
  } catch (error) {
    throw fromNodeError(error, "read", path);
  }
}

/** `text` is latin1: one character a byte. */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseLine(line: string): MountInfo {
  const fields = line.split(" ");
  // Optional fields such as "shared:1" stand between the options and a lone "-".
  const separator = fields.indexOf("-", 6);
  const field = (index: number): string => fields[index] ?? "";
  return {
    id: Number(field(0)),
    parent: Number(field(1)),
    device: field(2),
    root: unescapeOctal(field(3)),
    mountPoint: unescapeOctal(field(4)),
    options: field(5).split(","),
    fsType: unescapeOctal(field(separator + 1)),
    source: unescapeOctal(field(separator + 2)),
    superOptions: unescapeOctal(field(separator + 3)).split(","),
  };
}

/** Space, tab, newline and backslash are written as a backslash and three octal digits. */
function unescapeOctal(field: string): string {
  const bytes = field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
