import { damaged } from "../../../compression/decompress.ts";
import { type Inflater, inflater } from "../../../sys/inflate.ts";
import type { PointCollector, RestartPoint } from "./restart-points.ts";

const OUTPUT_SIZE = 512 << 10;
const MEMBER_TRAILER = 8;

/** Whether gzip files can be inflated from points in their middle here. */
export function canRestart(): boolean {
  using probe = inflater();
  return probe !== null;
}

/**
 * Inflates a gzip file of any number of members, from its start, and collects points where to begin another time, if they
 * are wanted. The next chunk is inflated while one is in use; a chunk is valid until the next one is asked for. Fails with
 * INVALID_COMPRESSION as `decompress`.
 */
export async function* inflateAll(
  stored: AsyncIterable<Buffer>,
  points: PointCollector | null,
): AsyncGenerator<Buffer> {
  yield* inflateMembers(stored, inflater()!, { at: 0, out: 0, block: null }, points);
}

/** Inflates a gzip file from a point on; `stored` begins there. */
export async function* inflateFrom(stored: AsyncIterable<Buffer>, point: RestartPoint): AsyncGenerator<Buffer> {
  yield* inflateMembers(stored, inflater(point.block ?? undefined)!, point, null);
}

async function* inflateMembers(
  stored: AsyncIterable<Buffer>,
  first: Inflater,
  start: RestartPoint,
  points: PointCollector | null,
): AsyncGenerator<Buffer> {
  const input = new Input(stored, start.at);
  const outputs = [Buffer.allocUnsafeSlow(OUTPUT_SIZE), Buffer.allocUnsafeSlow(OUTPUT_SIZE)] as const;
  let machine = first;
  let isRaw = start.block !== null;
  let out = start.out;
  let ready: Buffer | null = null;
  let running: ReturnType<Inflater["step"]> | null = null;
  try {
    for (let turn = 0; ; ) {
      await input.fill();
      if (input.bytes.length === 0) throw damaged("gzip", "unexpected end of file");
      running = machine.step(input.bytes, outputs[turn] as Buffer, points?.wants(out) ?? false);
      if (ready !== null) yield ready;
      const step = await running;
      running = null;
      if (step === null) throw damaged("gzip", `damaged before byte ${input.position + input.bytes.length}`);
      input.take(step.consumed);
      out += step.produced;
      ready = step.produced === 0 ? null : (outputs[turn] as Buffer).subarray(0, step.produced);
      if (ready !== null) turn ^= 1;
      if (step.blockBits !== null) {
        const block = { bits: step.blockBits, byteBefore: input.lastByte, window: machine.window() };
        points?.add({ at: input.position, out, block });
      }
      if (!step.isEnd) continue;
      if (isRaw) await input.skip(MEMBER_TRAILER);
      await input.fill();
      if (input.bytes.length === 0) break;
      if (isRaw) {
        machine[Symbol.dispose]();
        machine = inflater()!;
        isRaw = false;
      } else machine.reset();
      if (points?.wants(out)) points.add({ at: input.position, out, block: null });
    }
    if (ready !== null) yield ready;
  } finally {
    await running;
    machine[Symbol.dispose]();
    await input.close();
  }
}

/** The stored bytes that are still to be inflated. */
class Input {
  bytes: Buffer = Buffer.alloc(0);
  /** Offset of `bytes` in the file. */
  position: number;
  lastByte = 0;
  readonly #chunks: AsyncIterator<Buffer>;

  constructor(stored: AsyncIterable<Buffer>, position: number) {
    this.#chunks = stored[Symbol.asyncIterator]();
    this.position = position;
  }

  /** Sees to it that there are bytes, unless the file has ended. */
  async fill(): Promise<void> {
    while (this.bytes.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return;
      this.bytes = next.value;
    }
  }

  take(count: number): void {
    if (count > 0) this.lastByte = this.bytes[count - 1]!;
    this.bytes = this.bytes.subarray(count);
    this.position += count;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      await this.fill();
      if (this.bytes.length === 0) throw damaged("gzip", "unexpected end of file");
      const skipped = Math.min(left, this.bytes.length);
      this.take(skipped);
      left -= skipped;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
