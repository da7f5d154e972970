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
  let position = 0;
  for await (const line of lines(chunks)) yield parseRecord(line, position++);
}

const NEWLINE = 0x0a;

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...begun, bytes.subarray(start, end)]).toString();
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
    // A copy, as the chunk may be the caller's to use again.
    begun.push(Buffer.from(bytes.subarray(start)));
    begunBytes += bytes.length - start;
    if (begunBytes > LINE_LIMIT) throw corrupt(`a line of more than ${LINE_LIMIT} bytes`);
  }
  if (begunBytes > 0) yield Buffer.concat(begun).toString();
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
