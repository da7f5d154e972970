import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { LAYERFS } from "../lane.ts";

/** What a command without privilege may write to. */
export interface Place {
  readonly directory: string;
  /** TMPDIR; empty when the command has ended. */
  readonly temporary: string;
  /** Where what is known of layers is kept. */
  readonly cache: string;
}

/** User and group `nobody`. */
export const NOBODY = 65534;

/** A place in a mounted directory, which everybody may enter. */
export function makePlace(directory: string): Place {
  for (const each of [directory, dirname(directory)]) chmodSync(each, 0o755);
  const place = { directory, temporary: join(directory, "tmp"), cache: join(directory, "cache") };
  makeOpen(place.temporary);
  makeOpen(place.cache);
  return place;
}

/** A directory that everybody may write to. */
export function makeOpen(directory: string): void {
  mkdirSync(directory);
  chmodSync(directory, 0o1777);
}

/** The words of a command without privilege, data root or anything of the caller's environment. */
export function command(place: Place, words: readonly string[]): string[] {
  return [...asNobody(place), LAYERFS, "--root", "/proc/no-root", ...words];
}

export function run(place: Place, words: readonly string[]): Buffer {
  const [file = "", ...rest] = command(place, words);
  const { status, stdout, stderr } = spawnSync(file, rest, { maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`layerfs ${words.join(" ")}: ${stderr}`);
  return stdout;
}

export function runJSON<T>(place: Place, words: readonly string[]): T {
  return JSON.parse(run(place, words).toString());
}

export function leftIn({ temporary }: Place): string[] {
  return readdirSync(temporary).map((name) => `${name} is left in TMPDIR`);
}

/** What a command could do after all that takes privilege: none of it is possible where the list is empty. */
export function findPrivileges(place: Place): string[] {
  const script = [
    "id -u; id -G",
    "sed -nE 's/^(Cap...|NoNewPrivs):\\s*/\\1 /p' /proc/self/status",
    "(: <>/dev/fuse) 2>/dev/null && echo may open /dev/fuse",
    "mount -t tmpfs none /mnt 2>/dev/null && echo may mount",
    "true",
  ].join("\n");
  const [file = "", ...rest] = [...asNobody(place), "sh", "-c", script];
  const { status, stdout, stderr } = spawnSync(file, rest, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${file} ${rest.join(" ")}: ${stderr}`);
  const expected = [NOBODY, NOBODY, ...CAPABILITY_SETS.map((set) => `${set} 0000000000000000`), "NoNewPrivs 1"];
  const found = stdout.trimEnd().split("\n");
  return found.join() === expected.join() ? [] : [`the commands have privileges: ${found.join(", ")}`];
}

const CAPABILITY_SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

function asNobody(place: Place): string[] {
  const variables = [`PATH=${process.env.PATH}`, `TMPDIR=${place.temporary}`, `HOME=${place.directory}`];
  const user = ["setpriv", "--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
  const nothing = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"];
  return [...user, ...nothing, "env", "-i", ...variables, `XDG_CACHE_HOME=${place.cache}`];
}
