import type { Timespec } from "../../core/timespec.ts";
import { layerXattrs } from "../../layer/layer-xattrs.ts";
import { readlinkat } from "../../sys/at.ts";
import type { Stat } from "../../sys/stat.ts";
import { getXattr, takesXattr } from "../../sys/xattr.ts";
import type { LeafNode, TreeNode } from "../../view/node.ts";

/** What differs between a node of the tree and the node on disk. */
export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export interface NodePlace {
  readonly dirfd: number;
  readonly name: Buffer;
  readonly stat: Stat;
}

/** What is compared besides the type, which must be the same, and the link's target, the size or the device. */
export interface NodeRules {
  /** False for a directory that no layer holds. */
  readonly attributes: boolean;
  readonly mtime: boolean;
  /** False where owners and what else needs privilege were left as they came. */
  readonly owners: boolean;
  /** False for a copy that dockerd may have made, which leaves attributes of `user.` out. */
  readonly allXattrs: boolean;
  /** False where `trusted.` attributes cannot be read. */
  readonly seesTrusted: boolean;
}

/** The type first; if that differs, nothing else is compared. */
export function compareNode(node: TreeNode, place: NodePlace, rules: NodeRules): Difference[] {
  const { stat } = place;
  if (node.kind !== stat.kind) return [{ what: "type", expected: node.kind, found: stat.kind }];
  const found = contentDifferences(node, place);
  if (!rules.attributes) return found;
  if (node.kind !== "symlink") addIfOther(found, "mode", octal(node.mode), octal(stat.mode));
  if (rules.owners) addIfOther(found, "owner", `${node.uid}:${node.gid}`, `${stat.uid}:${stat.gid}`);
  const mtime = { seconds: node.mtimeSeconds, nanoseconds: node.mtimeNanoseconds };
  if (rules.mtime && !isSameTime(mtime, stat.mtime))
    found.push({ what: "mtime", expected: timeText(mtime), found: timeText(stat.mtime) });
  return [...found, ...xattrDifferences(node, place, rules)];
}

function contentDifferences(node: TreeNode, { dirfd, name, stat }: NodePlace): Difference[] {
  const found: Difference[] = [];
  if (node.kind === "file") addIfOther(found, "size", `${node.size} bytes`, `${stat.size} bytes`);
  if (node.kind === "symlink") {
    const target = readlinkat(dirfd, name);
    addIfOther(found, "link target", bytesText(Buffer.from(node.target, "latin1")), bytesText(target));
  }
  if (node.kind === "char" || node.kind === "block")
    addIfOther(found, "device", `${node.major}:${node.minor}`, `${stat.rdevMajor}:${stat.rdevMinor}`);
  return found;
}

function xattrDifferences(node: TreeNode, { dirfd, name }: NodePlace, rules: NodeRules): Difference[] {
  const found: Difference[] = [];
  const expected = node.xattrs ?? NONE;
  for (const [key, value] of expected) {
    const actual = getXattr(dirfd, name, key);
    if (actual === null) {
      if (!mayBeLeftOut(node, key, rules) && takesXattr(dirfd, name, key))
        found.push({ what: `xattr ${key}`, expected: bytesText(value), found: "nothing" });
    } else if (!actual.equals(value)) {
      found.push({ what: `xattr ${key}`, expected: bytesText(value), found: bytesText(actual) });
    }
  }
  for (const [key, value] of layerXattrs(dirfd, name)) {
    if (!expected.has(key)) found.push({ what: `xattr ${key}`, expected: "nothing", found: bytesText(value) });
  }
  return found;
}

/** dockerd sets the owner once more for a hard link, which clears the capabilities of the file. */
function mayBeLeftOut(node: TreeNode, key: string, { owners, allXattrs, seesTrusted }: NodeRules): boolean {
  if (!owners || (!seesTrusted && key.startsWith("trusted."))) return true;
  return key === "security.capability" ? node.kind !== "directory" && node.names > 1 : !allXattrs;
}

const NONE: ReadonlyMap<string, Buffer> = new Map();

/** Which names are hard links of each other, in one tree. */
export class HardLinks {
  readonly #byNode = new Map<LeafNode, { readonly ino: bigint; readonly path: string }>();
  readonly #byInode = new Map<bigint, { readonly node: LeafNode; readonly path: string }>();

  /** Compares with the names seen before. */
  compare(node: LeafNode, path: string, stat: Stat): Difference[] {
    if (node.names === 1 && stat.nlink === 1) return [];
    const same = this.#byNode.get(node);
    const other = this.#byInode.get(stat.ino);
    if (same === undefined) this.#byNode.set(node, { ino: stat.ino, path });
    if (other === undefined) this.#byInode.set(stat.ino, { node, path });
    const what = "hard link";
    if (same !== undefined && same.ino !== stat.ino)
      return [{ what, expected: `the same file as ${keyText(same.path)}`, found: "another file" }];
    if (other !== undefined && other.node !== node)
      return [{ what, expected: "a file of its own", found: `the same file as ${keyText(other.path)}` }];
    return [];
  }
}

/**
 * dockerd sets times before 1970 to 1970, and file systems have bounds of their own. The year 2038 is the least of
 * these.
 */
function isSameTime(expected: Timespec, found: Timespec): boolean {
  if (expected.seconds === found.seconds && expected.nanoseconds === found.nanoseconds) return true;
  if (expected.seconds < 0) return found.seconds === 0 && found.nanoseconds === 0;
  return expected.seconds > LAST_SECOND && found.seconds >= LAST_SECOND && found.seconds < expected.seconds;
}

const LAST_SECOND = 2 ** 31 - 1;

function addIfOther(differences: Difference[], what: string, expected: string, found: string): void {
  if (expected !== found) differences.push({ what, expected, found });
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function timeText({ seconds, nanoseconds }: Timespec): string {
  return `${seconds}.${String(nanoseconds).padStart(9, "0")}`;
}

function keyText(path: string): string {
  return bytesText(Buffer.from(`/${path}`, "latin1"));
}

/** Text where it is plain, else hex digits. */
function bytesText(bytes: Buffer): string {
  const text = bytes.toString("latin1", 0, Math.min(bytes.length, MAX_TEXT));
  const shown = /^[ -~]*$/.test(text) ? JSON.stringify(text) : `0x${bytes.toString("hex", 0, MAX_TEXT)}`;
  return bytes.length > MAX_TEXT ? `${shown}… (${bytes.length} bytes)` : shown;
}

const MAX_TEXT = 4096;
