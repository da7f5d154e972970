import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { removeUnused, STATE_SUFFIX, tryMoment } from "./hold-blob.ts";

export interface SweepLimits {
  /** Milliseconds since 1970: blobs that were last written before it go. */
  readonly keepSince: number;
  /** Of those that stay, the oldest go until there are no more bytes than this. */
  readonly maxBytes: number;
}

interface Abandoned {
  readonly path: string;
  readonly writtenAt: number;
  readonly bytes: number;
}

/**
 * Bounds what interrupted work has left. Blobs that are held stay. Does nothing while another process is at the
 * directory, so that nobody waits for a cleaning.
 */
export function sweepBlobs(directory: string, { keepSince, maxBytes }: SweepLimits): void {
  if (blobPaths(directory).length === 0) return;
  using lock = tryMoment(directory);
  if (lock === null) return;
  const newestFirst = blobPaths(directory)
    .map(measure)
    .sort((a, b) => b.writtenAt - a.writtenAt);
  let total = 0;
  for (const { path, writtenAt, bytes } of newestFirst) {
    total += bytes;
    if (writtenAt < keepSince || total > maxBytes) removeUnused(path);
  }
}

function blobPaths(directory: string): string[] {
  const names = new Set(readNames(directory).flatMap((name) => /^(\w+-[0-9a-f]+)(?:\.state)?$/.exec(name)?.[1] ?? []));
  return [...names].map((name) => join(directory, name));
}

function measure(path: string): Abandoned {
  const stats = [path, path + STATE_SUFFIX].flatMap((file) => statSync(file, { throwIfNoEntry: false }) ?? []);
  return {
    path,
    writtenAt: Math.max(...stats.map(({ mtimeMs }) => mtimeMs)),
    bytes: stats.reduce((sum, { blocks }) => sum + blocks * 512, 0),
  };
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
