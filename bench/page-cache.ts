import { createReadStream, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { command } from "./file-system.ts";

/** Reads a file, or all files of a tree, so that who reads them next finds them in memory. */
export async function readIntoMemory(path: string): Promise<void> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) await readIntoMemory(join(path, name));
    return;
  }
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 20 }));
}

/** Programs that `dropFromMemory` runs. */
export const DROPPING_NEEDS = ["dd", "fincore"] as const;

/** Others may read the file meanwhile, and the kernel drops no page that it is about to sort. */
const ATTEMPTS = 20;
const PAUSE_SECONDS = "0.1";
const MOST_KEPT = 0.01;

/**
 * Takes one file out of the page cache, but for at most a hundredth of it, and nothing else of the machine. Fails where the
 * kernel keeps more. The disk, or the host of a virtual machine, may still have it in a memory of its own.
 */
export function dropFromMemory(file: string): void {
  const most = statSync(file).size * MOST_KEPT;
  let kept = Number.POSITIVE_INFINITY;
  for (let attempt = 1; kept > most && attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) command("sleep", PAUSE_SECONDS);
    command("dd", `if=${file}`, "iflag=nocache", "count=0", "status=none");
    kept = Number(command("fincore", "--bytes", "--noheadings", "--output", "RES", file));
  }
  if (kept > most) throw new Error(`${kept} bytes of ${file} stay in memory`);
}
