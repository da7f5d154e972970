import { copyFileRange, ftruncate, pread, pwrite, trySeek } from "./file.ts";
import type { Stat } from "./stat.ts";

/**
 * Copies the content of an open file to an empty one: inside the kernel where it can (which shares the data on btrfs
 * and xfs), with its holes left as holes.
 */
export function copyFileContent(source: number, target: number, stat: Stat): void {
  if (stat.size === 0) return;
  const dense = stat.blocks * 512 >= stat.size;
  for (let at = 0; at < stat.size; ) {
    const start = dense ? at : trySeek(source, at, "data");
    if (start < 0) break; // ENXIO: only a hole is left
    const end = dense ? stat.size : trySeek(source, start, "hole");
    copyRange(source, target, start, end < 0 ? stat.size : end);
    at = end < 0 ? stat.size : end;
  }
  ftruncate(target, stat.size);
}

const BUFFER_SIZE = 1024 * 1024;

function copyRange(source: number, target: number, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const count = copyFileRange(source, target, at, end - at);
    if (count === null) {
      copyByReading(source, target, at, end);
      return;
    }
    if (count === 0) return;
    at += count;
  }
}

function copyByReading(source: number, target: number, start: number, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(BUFFER_SIZE, end - start));
  for (let at = start; at < end; ) {
    const count = pread(source, buffer.subarray(0, Math.min(buffer.length, end - at)), at);
    if (count === 0) return;
    pwrite(target, buffer.subarray(0, count), at);
    at += count;
  }
}
