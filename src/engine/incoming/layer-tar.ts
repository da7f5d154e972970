import { createHash } from "node:crypto";
import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { decompress } from "../../compression/decompress.ts";
import { cancellable } from "../../core/cancellation.ts";
import { type Digest, digestFromHex } from "../../core/digest.ts";
import { LayerfsError, printable, withObject } from "../../core/errors.ts";
import type { Extent } from "../../core/image.ts";
import { readCompression, streamExtent } from "../../source/extent.ts";
import { fromNodeError } from "../../sys/errno.ts";
import { type TarHandler, tarReader } from "../../tar/reader.ts";
import { type SpoolOptions, spool } from "../spool.ts";

/** The uncompressed bytes of one tar, where threads can read them. */
export interface LayerTar extends AsyncDisposable {
  readonly diffID: Digest;
  readonly extent: Extent;
}

/** A file's path, or a stream such as standard input; plain or compressed with gzip or zstd. */
export type TarInput = { readonly file: string } | { readonly stream: NodeJS.ReadableStream };

/**
 * Reads a tar to its end once. A plain file stays where it is; anything else is kept, uncompressed, in a file without a
 * name. Codes: NOT_FOUND, INVALID_ARCHIVE (empty, a directory), INVALID_TAR, INVALID_COMPRESSION, UNSUPPORTED (another
 * compression), those of `spool`.
 */
export async function openLayerTar(input: TarInput, options: SpoolOptions): Promise<LayerTar> {
  if ("stream" in input)
    return await spoolTar(input.stream as AsyncIterable<Uint8Array>, "from standard input", options);
  const name = printable(input.file);
  const file = await openInput(input.file);
  try {
    const stats = fstatSync(file.fd);
    if (stats.isDirectory()) throw new LayerfsError("INVALID_ARCHIVE", `${name}: expected a tar, found a directory`);
    const extent = { fd: file.fd, offset: 0, length: stats.size };
    if (stats.isFile() && stats.size > 0 && readCompression(extent) === "none") {
      const diffID = await digestOf(checkedTar(cancellable(streamExtent(extent, name), options.signal), name));
      return { diffID, extent, [Symbol.asyncDispose]: () => file.close() };
    }
    const spooled = await spoolTar(file.createReadStream({ autoClose: false }), name, options);
    await file.close();
    return spooled;
  } catch (error) {
    await file.close();
    throw fromNodeError(error, "read", input.file);
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw fromNodeError(error, "open", path);
  }
}

async function spoolTar(stream: AsyncIterable<Uint8Array>, name: string, options: SpoolOptions): Promise<LayerTar> {
  const tar = checkedTar(decompress(requireBytes(cancellable(stream, options.signal), name)), name);
  const spooled = await spool(tar, options);
  return { ...spooled, diffID: spooled.digest };
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return digestFromHex(hash.digest("hex"));
}

/** The same bytes, which fail as soon as they are no tar. */
async function* checkedTar(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const reader = tarReader(IGNORING);
  try {
    for await (const chunk of bytes) {
      reader.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      yield chunk;
    }
    reader.end();
  } catch (error) {
    throw withObject(error, `archive ${name}`);
  }
}

const IGNORING: TarHandler = { raw() {}, entry() {}, payload() {}, endEntry() {} };

async function* requireBytes(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const chunk of source) {
    isEmpty &&= chunk.length === 0;
    yield chunk;
  }
  if (!isEmpty) return;
  throw new LayerfsError("INVALID_ARCHIVE", `archive ${name}: it is empty`, {
    hint: "an empty tar has 1024 zero bytes",
  });
}
