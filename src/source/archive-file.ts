import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { decompress } from "../compression/decompress.ts";
import { DETECTION_BYTES, detectCompression } from "../compression/detect.ts";
import { cancellable } from "../core/cancellation.ts";
import { LayerfsError, printable, withObject } from "../core/errors.ts";
import { fromNodeError } from "../sys/errno.ts";
import { tarReader } from "../tar/reader.ts";
import { type ArchiveIndex, archiveIndexer } from "./archive-index.ts";
import { walkArchive } from "./archive-walk.ts";
import { openSpoolFile } from "./spool-file.ts";

/** A tar archive, plain or compressed with gzip or zstd: a file's path, or a stream such as standard input. */
export type ArchiveInput = string | { readonly stream: AsyncIterable<Uint8Array> };

export interface ArchiveOptions {
  /**
   * Where what cannot be read at any place, a stream or a compressed file, is kept until the archive is closed, in a file
   * without a name. Only where the file system has no such files may a crash leave an empty one, `.spool-<hex>.tmp`, which
   * anybody may remove at any time.
   */
  readonly spoolDirectory: string;
  /** Called before so many bytes are kept there; what it throws ends the reading. */
  readonly beforeSpooling?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An archive whose entries can be read at any place. */
export interface ArchiveFile {
  /** For messages. */
  readonly name: string;
  readonly index: ArchiveIndex;
  readonly file: FileHandle;
  close(): Promise<void>;
}

const READ_SIZE = 512 * 1024;

/**
 * Opens and indexes a tar archive. A plain file is indexed by its headers alone and read where it lies; anything else
 * is written, decompressed, to a file in `spoolDirectory` that has no name and vanishes with the process.
 *
 * Codes: NOT_FOUND (no such file), INVALID_ARCHIVE (empty, a directory), INVALID_TAR, INVALID_COMPRESSION,
 * UNSUPPORTED (another compression), LIMIT_EXCEEDED (too many entries), NO_SPACE, PERMISSION, SYSTEM, CANCELLED.
 */
export async function openArchiveFile(input: ArchiveInput, options: ArchiveOptions): Promise<ArchiveFile> {
  if (typeof input !== "string") return spool(input.stream, "from standard input", emptyStdin, options);
  const name = printable(input);
  const file = await openInput(input);
  try {
    const stats = await file.stat();
    if (stats.isFile() && (await isPlain(file))) return await indexInPlace(file, stats, name, options.signal);
    if (stats.isDirectory()) throw invalid(name, "expected a file, found a directory");
  } catch (error) {
    await file.close();
    throw fromNodeError(error, "read", input);
  }
  try {
    return await spool(readAll(file, input), name, () => invalid(name, "it is empty"), options);
  } finally {
    await file.close();
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw fromNodeError(error, "open", path);
    throw new LayerfsError("NOT_FOUND", `archive ${printable(path)}: there is no such file`, { cause: error });
  }
}

async function isPlain(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(DETECTION_BYTES), 0, DETECTION_BYTES, 0);
  return detectCompression(buffer.subarray(0, bytesRead)) === "none";
}

async function indexInPlace(
  file: FileHandle,
  stats: Stats,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ArchiveFile> {
  if (stats.size === 0) throw invalid(name, "it is empty");
  const { handler, index } = archiveIndexer(name);
  await naming(name, walkArchive(file, stats.size, handler, signal));
  return { name, index, file, close: () => file.close() };
}

/** Lets the failures of `work` name the archive. */
async function naming(name: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw withObject(error, `archive ${name}`);
  }
}

/** Writes the tar to a nameless file while it is read; `empty` makes the error for a source without a byte. */
async function spool(
  source: AsyncIterable<Uint8Array>,
  name: string,
  empty: () => LayerfsError,
  { spoolDirectory, beforeSpooling, signal }: ArchiveOptions,
): Promise<ArchiveFile> {
  const { file, write } = await openSpoolFile(spoolDirectory);
  try {
    const { handler, index } = archiveIndexer(name);
    const reader = tarReader(handler);
    for await (const chunk of decompress(requireBytes(cancellable(source, signal), empty))) {
      reader.write(chunk);
      beforeSpooling?.(chunk.length);
      await write(chunk);
    }
    reader.end();
    return { name, index, file, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw withObject(error, `archive ${name}`);
  }
}

async function* requireBytes(source: AsyncIterable<Uint8Array>, empty: () => LayerfsError): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const chunk of source) {
    isEmpty &&= chunk.length === 0;
    yield chunk;
  }
  if (isEmpty) throw empty();
}

/** The bytes of a file, a fifo or a device from where it stands. */
async function* readAll(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  while (true) {
    const { buffer, bytesRead } = await readNext(file, path);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readNext(file: FileHandle, path: string): Promise<{ buffer: Buffer; bytesRead: number }> {
  try {
    return await file.read(Buffer.allocUnsafe(READ_SIZE), 0, READ_SIZE, null);
  } catch (error) {
    throw fromNodeError(error, "read", path);
  }
}

function emptyStdin(): LayerfsError {
  return new LayerfsError("INVALID_ARCHIVE", "requested load from stdin, but stdin is empty", {
    hint: "pipe an archive into it, or name a file",
  });
}

function invalid(name: string, problem: string): LayerfsError {
  return new LayerfsError("INVALID_ARCHIVE", `archive ${name}: ${problem}`);
}
