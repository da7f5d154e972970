import { LayerfsError } from "../core/errors.ts";

/** Raw bytes of the archive. */
export interface SegmentRecord {
  readonly type: 2;
  readonly payload: Buffer;
}

/** An entry; its content of `size` bytes, if any, belongs here in the archive. */
export interface FileRecord {
  readonly type: 1;
  readonly name: Buffer;
  readonly size: number;
  /** CRC-64 of the content; empty if there is none. */
  readonly checksum: Buffer;
}

/** Longest line, as some writers put all that follows an archive's end marker into one. */
export const LINE_LIMIT: number = 256 << 20;

/** The records in a stream of JSON lines; CORRUPT_STORE for a line that is none, or one out of order. */
export async function* parseRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SegmentRecord | FileRecord> {
  for await (const records of recordBatches(chunks)) yield* records;
}

/** The same, as many at once as a chunk holds: awaiting each of them would take longer than parsing it. */
export async function* recordBatches(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Iterable<SegmentRecord | FileRecord>> {
  let position = 0;
  function* parsed(lines: Iterable<Buffer>): Generator<SegmentRecord | FileRecord> {
    for (const line of lines) yield parseRecord(line.toString(), position++);
  }
  for await (const lines of lineBatches(chunks)) yield parsed(lines);
}

/** Bytes of the archive that the records stand for; segments are not decoded. CORRUPT_STORE as `parseRecords`. */
export async function recordedSize(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  let position = 0;
  for await (const lines of lineBatches(chunks)) {
    for (const line of lines) {
      size += segmentSize(line) ?? sizeOf(parseRecord(line.toString(), position));
      position++;
    }
  }
  return size;
}

function sizeOf(record: SegmentRecord | FileRecord): number {
  return record.type === 2 ? record.payload.length : record.size;
}

const SEGMENT = Buffer.from('{"type":2,"payload":"');
const QUOTE = 0x22;
const PAD = 0x3d;

/** Of a segment in the usual form; null for any other line. */
function segmentSize(line: Buffer): number | null {
  if (!line.subarray(0, SEGMENT.length).equals(SEGMENT)) return null;
  const end = line.indexOf(QUOTE, SEGMENT.length);
  const digits = end - SEGMENT.length;
  if (digits < 0 || digits % 4 !== 0) return null;
  const padding = line[end - 1] !== PAD ? 0 : line[end - 2] === PAD ? 2 : 1;
  return (digits / 4) * 3 - padding;
}

const NEWLINE = 0x0a;

/** The lines that end in each chunk, valid until the next batch is asked for. */
async function* lineBatches(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Iterable<Buffer>> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  function* linesOf(bytes: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const line = bytes.subarray(start, end);
      start = end + 1;
      if (begun.length === 0) yield line;
      else {
        const whole = Buffer.concat([...begun, line]);
        begun = [];
        begunBytes = 0;
        yield whole;
      }
    }
    if (start === bytes.length) return;
    // A copy, as the chunk may be the caller's to use again.
    begun.push(Buffer.from(bytes.subarray(start)));
    begunBytes += bytes.length - start;
    if (begunBytes > LINE_LIMIT) throw corrupt(`a line of more than ${LINE_LIMIT} bytes`);
  }
  for await (const chunk of chunks) yield linesOf(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  if (begunBytes > 0) yield [Buffer.concat(begun)];
}

function parseRecord(line: string, position: number): SegmentRecord | FileRecord {
  const fields = parseObject(line, position);
  if (fields.position !== position) throw corrupt(`record ${position} says it is record ${fields.position}`);
  const payload = base64(fields.payload, position);
  if (fields.type === 2) return { type: 2, payload };
  if (fields.type !== 1) throw corrupt(`record ${position} has type ${fields.type}, expected 1 or 2`);
  const { name, name_raw: rawName, size = 0 } = fields;
  if (!Number.isSafeInteger(size) || Number(size) < 0) throw corrupt(`record ${position} has size ${size}`);
  return {
    type: 1,
    name: typeof name === "string" && name !== "" ? Buffer.from(name) : base64(rawName, position),
    size: Number(size),
    checksum: payload,
  };
}

/** What may stand in a line; nothing of it is checked yet. */
type Fields = Readonly<Partial<Record<"type" | "name" | "name_raw" | "size" | "payload" | "position", unknown>>>;

function parseObject(line: string, position: number): Fields {
  try {
    return Object(JSON.parse(line));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw corrupt(`record ${position} is not JSON`, cause);
  }
}

function base64(value: unknown, position: number): Buffer {
  if (value === null || value === undefined) return Buffer.alloc(0);
  if (typeof value !== "string") throw corrupt(`record ${position} has a ${typeof value}, expected base64`);
  return Buffer.from(value, "base64");
}

function corrupt(problem: string, cause?: unknown): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `tar-split: ${problem}`, {
    hint: "pull or load the image again",
    cause,
  });
}
