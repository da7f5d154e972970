import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { delimiter } from "node:path";

/** Something that is needed of the machine: null where it is there, else why what needs it cannot run. */
export type Requirement = string | null;

export function root(): Requirement {
  return process.getuid?.() === 0 ? null : "it needs root";
}

/** A program on PATH or in the directories of the system's administration programs. */
export function program(name: string): Requirement {
  return findProgram(name) === null ? `there is no ${name} on this machine` : null;
}

/** Leave to mount, which a container does not give even to its root; tried in a mount namespace of its own. */
export function mounting(): Requirement {
  const inOwnNamespace = ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"];
  return spawnSync("unshare", inOwnNamespace).status === 0 ? null : "this machine does not allow mounts";
}

export function findProgram(name: string): string | null {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  const candidates = directories.filter((directory) => directory !== "").map((directory) => `${directory}/${name}`);
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && (found.mode & 0o111) !== 0;
}
