import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { LayerfsError, printable } from "../core/errors.ts";
import { openDirectory, tryOpenat2 } from "../sys/at.ts";
import { ELOOP, ENOENT, ENOTDIR, systemError } from "../sys/errno.ts";
import { close, pread } from "../sys/file.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, RESOLVE_IN_ROOT } from "../sys/flags.ts";
import { fstat } from "../sys/stat.ts";
import { assembleTar } from "../tar/tar-split.ts";
import { parseRecords } from "../tar/tar-split-records.ts";
import { cleanPath } from "../union/entry-path.ts";

/** Where a layer of the store lies: its tar-split records, and the driver's directory with its files. */
export interface StoredLayer {
  readonly tarSplit: string;
  readonly directory: string;
}

const READ_SIZE = 512 * 1024;
const SLASH = Buffer.from("/");

/**
 * A stored layer's tar, byte for byte: its tar-split records, and the files of the driver's directory. Fails with
 * DIGEST_MISMATCH, naming the path, where a file was changed on disk, CORRUPT_STORE where records or files are missing.
 */
export async function* openStoredTar(layer: StoredLayer): AsyncGenerator<Buffer> {
  const rootFd = openDirectory(layer.directory);
  try {
    yield* assembleTar(readSplit(layer.tarSplit), (name) => readLayerFile(rootFd, name));
  } finally {
    close(rootFd);
  }
}

/** Bytes of a stored layer's tar, by its records alone. Fails as `readSplit`. */
export async function storedTarSize({ tarSplit }: Pick<StoredLayer, "tarSplit">): Promise<number> {
  let size = 0;
  for await (const record of parseRecords(readSplit(tarSplit))) {
    size += record.type === 2 ? record.payload.length : record.size;
  }
  return size;
}

/** The JSON lines of a layer's tar-split records. Fails with CORRUPT_STORE where they are missing, cut or no gzip. */
export async function* readSplit(tarSplit: string): AsyncGenerator<Buffer> {
  const file = createReadStream(tarSplit, { highWaterMark: READ_SIZE });
  const lines = createGunzip({ chunkSize: READ_SIZE });
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

/** The content of a file of a layer; symlinks cannot lead out of `rootFd`. Fails with CORRUPT_STORE where it is gone. */
export function* readLayerFile(rootFd: number, name: Buffer): Generator<Buffer> {
  const path = Buffer.concat(cleanPath(name).flatMap((part, index) => (index === 0 ? [part] : [SLASH, part])));
  const fd = tryOpenat2(rootFd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, RESOLVE_IN_ROOT);
  if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) throw missingFile(name);
  if (fd < 0) throw systemError(fd, "open the layer's file", name);
  try {
    const size = Math.min(READ_SIZE, Math.max(1, fstat(fd).size));
    for (let position = 0; ; ) {
      const buffer = Buffer.allocUnsafe(size);
      const count = pread(fd, buffer, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    close(fd);
  }
}

function missingFile(name: Buffer): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `file ${printable(name)} of the layer is missing`, {
    hint: "the unpacked file was removed after the layer was stored; pull or load the image again",
  });
}
