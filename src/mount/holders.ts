import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLayerfsError } from "../core/errors.ts";
import { fromNodeError } from "../sys/errno.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readMountInfo } from "../sys/mountinfo.ts";
import { bootID, mountNamespace } from "../sys/namespace.ts";
import { allProcesses, unlessHidden } from "./users.ts";

/** Who holds which layers by a mount. */
export interface MountRecord {
  readonly id: string;
  /** Where the tree appears, as the mount namespace below sees it. */
  readonly target: string;
  /** What is mounted, such as "image" or "container". */
  readonly kind: string;
  /** What it is to its owner, such as an image's id. */
  readonly subject?: string;
  /** The driver's ids of all layers that the mount joins. */
  readonly layers: readonly string[];
  /** The read-write layer on top of them, if there is one. */
  readonly rwLayer?: string;
  readonly bootID: string;
  readonly mountNamespace: string;
  /** RFC 3339, UTC. */
  readonly time: string;
}

export type NewMount = Pick<MountRecord, "target" | "kind" | "subject" | "layers" | "rwLayer">;

/** The records in `<root>/layerfs/mounts`, one JSON file a mount. */
export interface MountHolders {
  /** A crash may leave a file `.<name>.tmp` in it. */
  readonly directory: string;
  /**
   * Records a mount in the calling thread's namespace. Called before mounting, so that no mount goes unrecorded, and
   * under the lock that removals take, for until it is mounted the record looks stale.
   */
  add(mount: NewMount): MountRecord;
  /** All records, of mounts that are gone too. */
  list(): MountRecord[];
  /** Removing an absent record succeeds. */
  remove(id: string): void;
}

export function mountHolders(root: string): MountHolders {
  const directory = join(root, "layerfs", "mounts");
  return {
    directory,
    add: (mount) => add(directory, mount),
    list: () => list(directory),
    remove: (id) => rmSync(recordPath(directory, id), { force: true }),
  };
}

/**
 * Why a record stands for no mount any more, one sentence without a full stop; null while the mount is there, and
 * also if that cannot be told, for a layer in use must not be removed.
 *
 * A namespace that is held by no process but a bind mount of its file is taken for gone.
 */
export function staleness(record: MountRecord): string | null {
  if (record.bootID !== bootID()) return "the machine was started anew since";
  const pid = processInNamespace(record.mountNamespace);
  if (pid === "unknown") return null;
  if (pid === "none") return "its mount namespace is gone";
  const mounts = mountsSeenBy(pid);
  if (mounts === null || mounts.some((mount) => mount.mountPoint === record.target)) return null;
  return "nothing is mounted there any more";
}

function add(directory: string, mount: NewMount): MountRecord {
  const record: MountRecord = {
    id: randomBytes(8).toString("hex"),
    ...mount,
    bootID: bootID(),
    mountNamespace: mountNamespace(),
    time: new Date().toISOString(),
  };
  const path = recordPath(directory, record.id);
  try {
    makeDirectories(directory, 0o700);
    // No fsync: a mount does not outlive the machine, and so its record need not.
    const temporary = join(directory, `.${record.id}.json.tmp`);
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    throw fromNodeError(error, "write", path);
  }
  return record;
}

function list(directory: string): MountRecord[] {
  const names = unlessHidden(() => readdirSync(directory)) ?? [];
  return names
    .filter((name) => name.endsWith(".json"))
    .map((name) => readRecord(join(directory, name)))
    .filter((record) => record !== null)
    .sort((a, b) => a.time.localeCompare(b.time));
}

/** Null for a record that was just removed, or that a power cut left empty: its mount is gone as well. */
function readRecord(path: string): MountRecord | null {
  const text = unlessHidden(() => readFileSync(path, "utf8"));
  return text === null || !text.endsWith("}") ? null : JSON.parse(text);
}

function recordPath(directory: string, id: string): string {
  return join(directory, `${id}.json`);
}

/** A process that sees the whole namespace; "unknown" if some process may be in it but cannot be asked. */
function processInNamespace(namespace: string): number | "none" | "unknown" {
  if (namespace === mountNamespace()) return process.pid;
  let unsure = false;
  for (const pid of allProcesses()) {
    const found = unlessHidden(() => mountNamespace(pid));
    const root = unlessHidden(() => readlinkSync(`/proc/${pid}/root`));
    if (found === namespace && root === "/") return pid;
    // Another user's process, or one in a chroot, which sees only the mounts below its root.
    unsure ||= found === namespace || (found === null && process.geteuid?.() !== 0);
  }
  return unsure ? "unknown" : "none";
}

/** Null if the process has just ended. */
function mountsSeenBy(pid: number): ReturnType<typeof readMountInfo> | null {
  try {
    return readMountInfo(pid === process.pid ? "thread-self" : pid);
  } catch (error) {
    if (isLayerfsError(error, "SYSTEM") && (error.errno === "ENOENT" || error.errno === "ESRCH")) return null;
    throw error;
  }
}
