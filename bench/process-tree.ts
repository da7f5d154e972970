import { readdirSync, readFileSync } from "node:fs";

/** Kernel's clock ticks in /proc; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE = 4096;

export interface CPUTime {
  readonly user: number;
  readonly system: number;
}

/** CPU seconds of this process's ended descendants, to 10 ms (proc(5): cutime, cstime). */
export function endedChildrenTime(): CPUTime {
  const fields = statFields("self");
  return { user: Number(fields?.[13]) / TICKS_PER_SECOND, system: Number(fields?.[14]) / TICKS_PER_SECOND };
}

/** CPU seconds of running processes and of their ended children. */
export function treeTime(pids: readonly number[]): CPUTime {
  const all = descendants(pids).map((pid) => statFields(pid));
  const sum = (first: number, second: number): number =>
    all.reduce((total, fields) => total + Number(fields?.[first] ?? 0) + Number(fields?.[second] ?? 0), 0);
  return { user: sum(11, 13) / TICKS_PER_SECOND, system: sum(12, 14) / TICKS_PER_SECOND };
}

/**
 * Bytes that processes and their ended descendants made dirty in the page cache of file systems on a disk (proc(5):
 * write_bytes). What went to a tmpfs, a pipe or a device is none.
 */
export function writtenBytes(pids: readonly (number | "self")[]): number {
  const all = pids.flatMap((pid): (number | "self")[] => (pid === "self" ? [pid] : descendants([pid])));
  const counts = all.map((pid) => /^write_bytes: (\d+)/m.exec(readOf(`/proc/${pid}/io`) ?? "")?.[1] ?? 0);
  return counts.reduce((total: number, count) => total + Number(count), 0);
}

/** Resident bytes of processes and all their descendants at this moment. */
export function treeBytes(pids: readonly number[]): number {
  const pages = descendants(pids).map((pid) => Number(readOf(`/proc/${pid}/statm`)?.split(" ")[1] ?? 0));
  return pages.reduce((total, count) => total + count, 0) * PAGE;
}

function descendants(pids: readonly number[]): number[] {
  const found: number[] = [];
  const todo = [...pids];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    found.push(pid);
    for (const thread of namesIn(`/proc/${pid}/task`)) {
      const children = readOf(`/proc/${pid}/task/${thread}/children`) ?? "";
      todo.push(
        ...children
          .split(" ")
          .filter((word) => word !== "")
          .map(Number),
      );
    }
  }
  return found;
}

/** What follows the name in parentheses: the state is field 0. */
function statFields(pid: number | "self"): string[] | undefined {
  return readOf(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, "")
    .split(" ");
}

function namesIn(directory: string): string[] {
  return unlessEnded(() => readdirSync(directory)) ?? [];
}

function readOf(path: string): string | null {
  return unlessEnded(() => readFileSync(path, "utf8"));
}

/** A process may end at any time while it is looked at. */
function unlessEnded<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw error;
  }
}
