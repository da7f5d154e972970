import { ByteReader, ByteWriter } from "./byte-stream.ts";

/** A place in a gzip file where inflating can begin. */
export interface RestartPoint {
  /** Offset in the file, and what it stands for in the inflated bytes. */
  readonly at: number;
  readonly out: number;
  /** Between two blocks of a member; null where a member begins. */
  readonly block: {
    /** How many bits of the byte before `at` belong to the next block. */
    readonly bits: number;
    readonly byteBefore: number;
    /** The last 32 KiB that were inflated before. */
    readonly window: Uint8Array;
  } | null;
}

/** Collects restart points about so many inflated bytes apart that the windows of all stay below 16 MiB. */
export interface PointCollector {
  /** Whether a point at this offset of the inflated bytes is wanted. */
  wants(out: number): boolean;
  add(point: RestartPoint): void;
  finish(): Buffer;
}

const SPACING = 4 << 20;
const MAX_POINTS = 512;

export function pointCollector(): PointCollector {
  let points: RestartPoint[] = [];
  let spacing = SPACING;
  const last = (): number => points.at(-1)?.out ?? 0;
  return {
    wants: (out) => out - last() >= spacing,
    add: (point) => {
      points.push(point);
      if (points.length <= MAX_POINTS) return;
      spacing *= 2;
      points = points.filter((_, index) => index % 2 === 1);
    },
    finish: () => encodePoints(points),
  };
}

/** The last point at or before an offset of the inflated bytes; null for the start of the file. */
export function pointBefore(record: Buffer, out: number): RestartPoint | null {
  const reader = new ByteReader(record);
  let found: RestartPoint | null = null;
  for (let left = reader.number(); left > 0; left--) {
    const point = decodePoint(reader);
    if (point.out > out) break;
    found = point;
  }
  return found;
}

const MEMBER = 8;

function encodePoints(points: readonly RestartPoint[]): Buffer {
  const writer = new ByteWriter();
  writer.number(points.length);
  for (const { at, out, block } of points) {
    writer.number(at);
    writer.number(out);
    writer.byte(block === null ? MEMBER : block.bits);
    if (block === null) continue;
    writer.byte(block.byteBefore);
    writer.bytes(block.window);
  }
  return writer.result();
}

function decodePoint(reader: ByteReader): RestartPoint {
  const at = reader.number();
  const out = reader.number();
  const bits = reader.byte();
  if (bits === MEMBER) return { at, out, block: null };
  return { at, out, block: { bits, byteBefore: reader.byte(), window: reader.bytes() } };
}
