import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./faults.ts";

const PIECE = 16 * 1024;

/** Passes a registry's answer on with a fault; tells `sent` what the kernel took. Resolves when all is over. */
export async function passOn(
  from: IncomingMessage,
  to: ServerResponse,
  fault: Fault,
  sent: (bytes: number) => void,
): Promise<void> {
  writeHead(from, to, fault);
  const closed = new AbortController();
  to.once("close", () => closed.abort());
  try {
    const isWhole = await sendPieces(from, to, fault, sent, closed.signal);
    if (!isWhole || closed.signal.aborted) return;
    if (fault.lengthenBy !== undefined && (await write(to, Buffer.alloc(fault.lengthenBy)))) sent(fault.lengthenBy);
    to.end();
    if (!to.closed) await once(to, "close");
  } finally {
    from.destroy();
  }
}

function writeHead(from: IncomingMessage, to: ServerResponse, fault: Fault): void {
  const { contentLength, shortenTo, lengthenBy } = fault;
  for (const [name, value] of Object.entries(from.headers)) {
    if (value !== undefined && name !== "connection" && name !== "keep-alive") to.setHeader(name, value);
  }
  if (shortenTo !== undefined || lengthenBy !== undefined) to.removeHeader("Content-Length");
  if (contentLength !== undefined) to.setHeader("Content-Length", contentLength).setHeader("Connection", "close");
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    if (value === null) to.removeHeader(name);
    else to.setHeader(name, value);
  }
  to.writeHead(from.statusCode ?? 500);
}

/** Whether the body is to be ended in good form. */
async function sendPieces(
  from: IncomingMessage,
  to: ServerResponse,
  { cutAfter, stallAfter, alterAt, bytesPerSecond, ...fault }: Fault,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const goodEnd = Math.min(fault.shortenTo ?? Infinity, fault.contentLength ?? Infinity);
  const end = Math.min(cutAfter ?? Infinity, stallAfter ?? Infinity, goodEnd);
  const first = rangeStart(from);
  const started = performance.now();
  let offset = 0;
  for await (const piece of piecesOf(from, end)) {
    if (alterAt !== undefined) flip(piece, alterAt - first - offset);
    if (!(await write(to, piece))) return false;
    offset += piece.length;
    sent(piece.length);
    if (bytesPerSecond === undefined) continue;
    const ahead = (offset / bytesPerSecond) * 1000 - (performance.now() - started);
    if (ahead > 0) await pause(ahead, signal);
    if (signal.aborted) return false;
  }
  if (offset < end || end === goodEnd) return true;
  if (end === cutAfter) to.destroy();
  else if (!to.closed) await once(to, "close");
  return false;
}

/** Copies of at most a few kilobytes, `end` bytes in all. */
async function* piecesOf(from: IncomingMessage, end: number): AsyncGenerator<Buffer> {
  let left = end;
  if (left === 0) return;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let start = 0; start < chunk.length && left > 0; start += PIECE) {
      const piece = Buffer.from(chunk.subarray(start, start + Math.min(PIECE, left)));
      left -= piece.length;
      yield piece;
    }
    if (left === 0) return;
  }
}

function flip(piece: Buffer, index: number): void {
  const byte = piece[index];
  if (byte !== undefined) piece[index] = byte ^ 0xff;
}

function rangeStart({ headers }: IncomingMessage): number {
  return Number(/^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? 0);
}

/** Resolves once the kernel has the bytes; false: the other side is gone. */
function write(to: ServerResponse, bytes: Buffer): Promise<boolean> {
  if (to.closed || to.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onClose = (): void => resolve(false);
    to.once("close", onClose);
    to.write(bytes, (error) => {
      to.off("close", onClose);
      resolve(!error);
    });
  });
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
