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

/**
 * Takes one file out of the page cache, and nothing else of the machine. Fails where the kernel keeps a part of it. The
 * disk, or the host of a virtual machine, may still have it in a memory of its own.
 */
export function dropFromMemory(file: string): void {
  command("dd", `if=${file}`, "iflag=nocache", "count=0", "status=none");
  const kept = command("fincore", "--bytes", "--noheadings", "--output", "RES", file).trim();
  if (kept !== "0") throw new Error(`${kept} bytes of ${file} stay in memory`);
}
