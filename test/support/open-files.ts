import { readdirSync, readlinkSync } from "node:fs";

/** Paths of what a process has open, by default this one; one that is removed has ` (deleted)` behind it. */
export function openFiles(pid: number | "self" = "self"): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => targetOf(`/proc/${pid}/fd/${fd}`) ?? []);
}

/** null for one that was closed since it was listed: those of other tests come and go. */
function targetOf(descriptor: string): string | null {
  try {
    return readlinkSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
