import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Machine } from "./results.ts";

export function machineFacts(fileSystem: string): Machine {
  return {
    processor: cpus()[0]?.model.trim() || process.arch,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system: /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux",
    fileSystem,
  };
}

/** Where, when and with what was measured, in two lines. */
export function circumstances({
  date,
  machine,
  versions,
}: {
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}): string[] {
  const { cores, processor, memoryBytes, system, kernel, fileSystem } = machine;
  const memory = Math.round(memoryBytes / 2 ** 30);
  const peers = Object.entries(versions).map(([peer, version]) => `${peer} ${version}`);
  return [
    `Measured on ${date.slice(0, 10)}: ${cores} cores of ${processor}, ${memory} GiB, ${system}, Linux ${kernel}; ${fileSystem}.`,
    `Versions: ${peers.join("; ")}.`,
  ];
}
