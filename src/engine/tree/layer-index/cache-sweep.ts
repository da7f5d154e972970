import { randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../../sys/lock.ts";

/** A name for a file that is not finished. Its writer holds a flock on it. */
export function temporaryName(): string {
  return `.${randomBytes(8).toString("hex")}.tmp`;
}

/** Removes what other versions of layerfs have kept in the cache, and what writers that are gone have left. */
export function removeLeft(directory: string, version: string): void {
  for (const name of readdirSync(directory)) {
    if (/^view-\d+$/.test(name) && name !== version) rmSync(join(directory, name), { recursive: true, force: true });
  }
  const home = join(directory, version);
  for (const name of readdirSync(home).filter(isTemporary)) removeUnlessHeld(join(home, name));
}

/** Removes the records that were unused for longest until all files together have no more than `maxBytes`. */
export function makeRoom(home: string, maxBytes: number): void {
  const files = readdirSync(home).flatMap((name) => {
    const path = join(home, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, path, size: stats.size, used: stats.mtimeMs }];
  });
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, path, size } of files.sort((a, b) => a.used - b.used)) {
    if (total <= maxBytes) return;
    if (isTemporary(name)) continue;
    rmSync(path, { force: true });
    total -= size;
  }
}

function isTemporary(name: string): boolean {
  return /^\..*\.tmp$/.test(name);
}

function removeUnlessHeld(path: string): void {
  using lock = tryLock(path, "exclusive");
  if (lock !== null) rmSync(path, { force: true });
}
