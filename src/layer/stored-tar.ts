import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { isLayerfsError, LayerfsError, printable } from "../core/errors.ts";
import { tryOpenat2 } from "../sys/at.ts";
import { ELOOP, ENOENT, ENOTDIR, systemError } from "../sys/errno.ts";
import { close, pread, preadSome } from "../sys/file.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, RESOLVE_IN_ROOT } from "../sys/flags.ts";
import { openPlainDirectory, openPlainFile } from "../sys/plain-path.ts";
import { fstat } from "../sys/stat.ts";
import { Chunks } from "../tar/chunks.ts";
import { crc64, crc64Bytes } from "../tar/crc64.ts";
import { changedFile } from "../tar/tar-split.ts";
import { type FileRecord, recordBatches, recordedSize } from "../tar/tar-split-records.ts";
import { cleanPath } from "../union/entry-path.ts";

/** Where a layer of the store lies: its tar-split records, and the driver's directory with its files. */
export interface StoredLayer {
  readonly tarSplit: string;
  readonly directory: string;
}

export interface ReadingOptions {
  /** A chunk is valid until the next one is asked for. A new buffer for each costs more than reading it. */
  readonly reuseBuffer?: boolean | undefined;
  /** Without it the first damaged file ends the reading. */
  readonly damaged?: DamagedFiles | undefined;
}

/** Who takes note of damaged files. Their bytes are left out, so that what is read is not the layer's tar any more. */
export interface DamagedFiles {
  /** Whether a file is known to be damaged; it is not opened then. */
  isKnown(file: FileRecord): boolean;
  /** A file that is missing, or has another size or content; `error` tells. */
  add(file: FileRecord, error: LayerfsError): void;
}

const READ_SIZE = 512 * 1024;
/** Records are small, and those of several layers are read at the same time. */
const SPLIT_READ_SIZE = 64 * 1024;
const SLASH = Buffer.from("/");

/**
 * A stored layer's tar, byte for byte: its tar-split records, and the files of the driver's directory. Fails with
 * DIGEST_MISMATCH, naming the path, where a file was changed on disk, CORRUPT_STORE where records or files are missing.
 */
export async function* openStoredTar(
  layer: StoredLayer,
  { reuseBuffer = false, damaged: damagedFiles }: ReadingOptions = {},
): AsyncGenerator<Buffer> {
  const rootFd = openPlainDirectory(layer.directory);
  try {
    const chunks = new Chunks(READ_SIZE, reuseBuffer);
    for await (const records of recordBatches(readSplit(layer.tarSplit))) {
      for (const record of records) {
        if (record.type === 2) yield* chunks.add(record.payload);
        else if (record.size === 0) continue;
        else if (damagedFiles === undefined) yield* addFile(chunks, rootFd, record);
        else if (!damagedFiles.isKnown(record)) yield* addWholeFile(chunks, rootFd, record, damagedFiles);
      }
    }
    yield* chunks.end();
  } finally {
    close(rootFd);
  }
}

/** The content of a file, which must be what was recorded. A byte more than that is asked for, to find that it has grown. */
function* addFile(chunks: Chunks, rootFd: number, record: FileRecord): Generator<Buffer> {
  const fd = openLayerFile(rootFd, record.name);
  try {
    let crc = 0n;
    let size = 0;
    for (;;) {
      const wanted = record.size - size + 1;
      const room = chunks.room.subarray(0, wanted);
      const count = preadSome(fd, room, size);
      size += count;
      if (size > record.size) throw changedFile(record, "size", `${record.size} bytes`, "more");
      crc = crc64(crc, room.subarray(0, count));
      const isEnd = count === 0 || (size === record.size && count < room.length);
      if (isEnd && size < record.size) throw changedFile(record, "size", `${record.size} bytes`, `${size}`);
      if (isEnd) checkSum(record, crc);
      if (count > 0) yield* chunks.advance(count);
      if (isEnd) return;
    }
  } finally {
    close(fd);
  }
}

function* addWholeFile(chunks: Chunks, rootFd: number, record: FileRecord, damaged: DamagedFiles): Generator<Buffer> {
  try {
    yield* addFile(chunks, rootFd, record);
  } catch (error) {
    if (!isLayerfsError(error, "DIGEST_MISMATCH") && !isLayerfsError(error, "CORRUPT_STORE")) throw error;
    damaged.add(record, error);
  }
}

function checkSum(record: FileRecord, crc: bigint): void {
  const found = crc64Bytes(crc);
  if (found.equals(record.checksum)) return;
  throw changedFile(record, "CRC-64", record.checksum.toString("hex"), found.toString("hex"));
}

/** Bytes of a stored layer's tar, by its records alone. Fails as `readSplit`. */
export function storedTarSize({ tarSplit }: Pick<StoredLayer, "tarSplit">): Promise<number> {
  return recordedSize(readSplit(tarSplit));
}

/** The JSON lines of a layer's tar-split records. Fails with CORRUPT_STORE where they are missing, cut or no gzip. */
export async function* readSplit(tarSplit: string): AsyncGenerator<Buffer> {
  const fd = openPlainFile(tarSplit);
  if (fd === null) throw damaged(tarSplit, "cannot be read", new Error("it is missing"));
  const file = createReadStream(tarSplit, { fd, highWaterMark: SPLIT_READ_SIZE });
  const lines = createGunzip({ chunkSize: SPLIT_READ_SIZE });
  file.on("error", (cause) => lines.destroy(damaged(tarSplit, "cannot be read", cause)));
  try {
    yield* file.pipe(lines);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))) throw error;
    throw damaged(tarSplit, "is damaged", error);
  } finally {
    // A pipe leaves its source open where the reader has enough.
    file.destroy();
  }
}

function damaged(tarSplit: string, what: string, cause: Error): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `${tarSplit} ${what}: ${cause.message}`, {
    hint: "remove the images that use this layer and load them again",
    cause,
  });
}

/**
 * The content of a file of a layer; symlinks cannot lead out of `rootFd`. With `into`, a chunk lies there and is valid
 * until the next one is asked for. Fails with CORRUPT_STORE where the file is gone.
 */
export function* readLayerFile(rootFd: number, name: Buffer, into?: Buffer): Generator<Buffer> {
  const fd = openLayerFile(rootFd, name);
  try {
    const size = into?.length ?? Math.min(READ_SIZE, Math.max(1, fstat(fd).size));
    for (let position = 0; ; ) {
      const buffer = into ?? Buffer.allocUnsafe(size);
      const count = pread(fd, buffer, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    close(fd);
  }
}

/** CRC-64 of a file's content, as tar-split has it. Fails as `readLayerFile`. */
export function fileChecksum(rootFd: number, name: Buffer): Buffer {
  let crc = 0n;
  for (const chunk of readLayerFile(rootFd, name)) crc = crc64(crc, chunk);
  return crc64Bytes(crc);
}

function openLayerFile(rootFd: number, name: Buffer): number {
  const path = Buffer.concat(cleanPath(name).flatMap((part, index) => (index === 0 ? [part] : [SLASH, part])));
  const fd = tryOpenat2(rootFd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, RESOLVE_IN_ROOT);
  if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) throw notFile(name, "is missing");
  if (fd < 0) throw systemError(fd, "open the layer's file", name);
  const { kind } = fstat(fd);
  if (kind === "file") return fd;
  close(fd);
  throw notFile(name, `is a ${kind}`);
}

function notFile(name: Buffer, problem: string): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `file ${printable(name)} of the layer ${problem}`, {
    hint: "the unpacked file is not what was stored; pull or load the image again",
  });
}
