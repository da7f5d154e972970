import { readFileSync, statSync } from "node:fs";

/**
 * Ids of the processes that hold a flock(2) lock on the file, as far as /proc/locks tells (proc_locks(5)): of processes that
 * this one cannot see it tells nothing.
 */
export function lockHolders(path: string): number[] {
  const { ino } = statSync(path, { bigint: true });
  const held = readFileSync("/proc/locks", "utf8").matchAll(/^\d+: FLOCK +\S+ +\S+ (\d+) \S+:\S+:(\d+) /gm);
  return [...new Set([...held].filter(([, , inode]) => inode === String(ino)).map(([, pid]) => Number(pid)))];
}
