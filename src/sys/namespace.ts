import { readFileSync, readlinkSync } from "node:fs";
import { check, orErrno } from "./at.ts";
import { CLONE_FS } from "./flags.ts";
import { native } from "./native.ts";

/** Identifies the mount namespace of a process (by default of the calling thread): the inode number of its nsfs file. */
export function mountNamespace(pid: number | "thread-self" = "thread-self"): string {
  const link = readlinkSync(`/proc/${pid}/ns/mnt`);
  return link.replace(/^mnt:\[(\d+)\]$/, "$1");
}

/** Differs after every start of the machine. */
export function bootID(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/**
 * Gives the calling thread its own umask, working directory and root, which threads of a process otherwise share.
 * A worker does this before it sets its umask.
 */
export function unshareFileSystem(): void {
  check(orErrno(native().unshare(CLONE_FS)), "unshare", "the thread's umask and working directory");
}
