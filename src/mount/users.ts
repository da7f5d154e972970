import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * Ids of the processes that have their working directory, root, program or an open file at or below `path`, as far as
 * /proc tells this user. Mapped files and mounts in other namespaces are not looked for.
 */
export function processesUsing(path: string): number[] {
  return allProcesses().filter((pid) => linksOf(pid).some((link) => link === path || link.startsWith(join(path, "/"))));
}

export function allProcesses(): number[] {
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function linksOf(pid: number): string[] {
  const process = `/proc/${pid}`;
  const links = ["cwd", "root", "exe"].map((name) => `${process}/${name}`);
  const files = namesIn(`${process}/fd`).map((name) => `${process}/fd/${name}`);
  return [...links, ...files].map(target).filter((link) => link !== null);
}

/** Processes end while they are looked at, and those of other users tell nothing. */
function namesIn(directory: string): string[] {
  return unlessHidden(() => readdirSync(directory)) ?? [];
}

function target(link: string): string | null {
  return unlessHidden(() => readlinkSync(link));
}

/** Null for what is gone (ENOENT, ESRCH) or not this user's business (EACCES, EPERM). */
export function unlessHidden<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return null;
    throw error;
  }
}
