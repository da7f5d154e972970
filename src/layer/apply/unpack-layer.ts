import { createHash } from "node:crypto";
import { read } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { decompress } from "../../compression/decompress.ts";
import { DETECTION_BYTES, detectCompression } from "../../compression/detect.ts";
import { waitForBytes } from "../../content/arrival.ts";
import { digestAlgorithm } from "../../core/digest.ts";
import { type ErrorCode, isLayerfsError, LayerfsError } from "../../core/errors.ts";
import { openDirectory } from "../../sys/at.ts";
import { close, pread } from "../../sys/file.ts";
import { type ChangedLayer, changesTar } from "../layer-changes.ts";
import { openStoredTar } from "../stored-tar.ts";
import { type AppliedTar, applyTar } from "./apply-tar.ts";
import type { ApplyJob, LayerBytes } from "./job.ts";
import type { LayerWriter } from "./layer-writer.ts";
import { overlayTarget } from "./overlay-target.ts";
import { spaceGuard } from "./space-guard.ts";
import { splitFile } from "./split-file.ts";
import { treeTarget } from "./tree-target.ts";
import { Warnings } from "./warnings.ts";

/** Larger buffers are hardly quicker, and keep more garbage in a thread's memory. */
const READ_SIZE = 128 * 1024;

const readAt = promisify(read);

type BlobBytes = Extract<LayerBytes, { kind: "blob" }>;

export interface UnpackOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

export function openWriter(job: ApplyJob): LayerWriter {
  const options = { ignoreOwners: job.ignoreOwners, warnings: new Warnings() };
  const rootFd = openDirectory(job.directory);
  if (job.form === "full-tree") return treeTarget(rootFd, { ...options, implyRoot: job.isBase });
  return overlayTarget(rootFd, { ...options, lowers: job.lowers, opaqueXattr: job.opaqueXattr });
}

/**
 * Reads a layer's stored bytes once: verifies them, inflates, verifies the diffID, writes the files and the tar-split
 * records. Fails with DIGEST_MISMATCH where the bytes are not what `job` promises, also where they cannot be unpacked
 * because of that.
 */
export async function unpackLayer(job: ApplyJob, writer: LayerWriter, options: UnpackOptions): Promise<AppliedTar> {
  const fd = openDirectory(job.directory);
  try {
    const space = spaceGuard(fd, { maxLayerSize: job.maxLayerSize });
    await using records = job.tarSplit === null ? null : splitFile(job.tarSplit);
    const applied = await applyTar(openTar(job.bytes, options), writer, {
      space,
      signal: options.signal,
      ...(records === null ? {} : { onSplit: records.write }),
    });
    await records?.end();
    if (job.diffID !== null && applied.diffID !== job.diffID) throw wrongDiffID(job, applied);
    return applied;
  } catch (error) {
    if (job.bytes.kind === "blob" && isFaultOfBytes(error)) await verifyBlob(job.bytes, options.signal);
    throw error;
  } finally {
    close(fd);
  }
}

async function* openTar(bytes: LayerBytes, options: UnpackOptions): AsyncGenerator<Buffer> {
  if (bytes.kind === "stored") return yield* openStoredTar(bytes, { reuseBuffer: true });
  if (bytes.kind === "changes") return yield* readChanges(bytes.layer, options);
  // The reader is done with a chunk when it asks for the next; an inflating stream holds several.
  const isTar = detectCompression(await firstBytes(bytes, options.signal)) === "none";
  const blob = verifiedBlob(bytes, isTar, options);
  yield* isTar ? blob : decompress(blob);
}

/** The thread takes messages between two chunks, so that the job can be cancelled. */
async function* readChanges(layer: ChangedLayer, { onProgress }: UnpackOptions): AsyncGenerator<Buffer> {
  for await (const chunk of changesTar(layer)) {
    onProgress(chunk.length);
    yield chunk;
    await setImmediate();
  }
}

async function firstBytes(bytes: BlobBytes, signal: AbortSignal): Promise<Buffer> {
  const { fd, offset, length } = bytes.extent;
  const first = Buffer.alloc(Math.min(length, DETECTION_BYTES));
  await untilThere(bytes, first.length, signal);
  return first.subarray(0, pread(fd, first, offset));
}

async function* verifiedBlob(
  bytes: BlobBytes,
  reuseBuffer: boolean,
  { onProgress, signal }: UnpackOptions,
): AsyncGenerator<Buffer> {
  const { digest } = bytes;
  const algorithm = digest === null ? null : digestAlgorithm(digest);
  const hash = algorithm === null ? null : createHash(algorithm);
  for await (const chunk of readBlob(bytes, reuseBuffer, signal)) {
    hash?.update(chunk);
    onProgress(chunk.length);
    yield chunk;
  }
  const found = hash === null ? null : `${algorithm}:${hash.digest("hex")}`;
  if (found !== digest) {
    throw new LayerfsError("DIGEST_MISMATCH", `layer blob ${digest}: its bytes have the digest ${found}`, {
      hint: "the archive is damaged; make or fetch it again",
    });
  }
}

/** Reads all of a blob that could not be unpacked: fails if its bytes are not the ones that its digest names. */
async function verifyBlob(bytes: BlobBytes, signal: AbortSignal): Promise<void> {
  for await (const _ of verifiedBlob(bytes, true, { signal, onProgress: () => {} }));
}

function isFaultOfBytes(error: unknown): boolean {
  const codes: readonly ErrorCode[] = ["INVALID_COMPRESSION", "INVALID_TAR", "INVALID_LAYER", "UNSUPPORTED"];
  return codes.some((code) => isLayerfsError(error, code));
}

async function* readBlob(bytes: BlobBytes, reuseBuffer: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { fd, offset, length } = bytes.extent;
  let buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, length));
  for (let done = 0; done < length; ) {
    // Buffers of many sizes would leave the memory in pieces.
    const size = Math.min(READ_SIZE, length - done);
    await untilThere(bytes, done + size, signal);
    if (!reuseBuffer) buffer = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await readAt(fd, buffer, 0, size, offset + done);
    if (bytesRead === 0) {
      throw new LayerfsError("INVALID_ARCHIVE", `the archive ends at byte ${offset + done}, in the middle of a layer`);
    }
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Waits until the first `wanted` bytes of the blob can be read. */
async function untilThere({ arrival }: BlobBytes, wanted: number, signal: AbortSignal): Promise<void> {
  if (arrival === undefined || (await waitForBytes(arrival, wanted, signal))) return;
  // Whoever fetches the layer knows the reason, and tells that.
  throw new LayerfsError("CANCELLED", "the layer was not finished: its bytes were not fetched");
}

function wrongDiffID(job: ApplyJob, applied: AppliedTar): LayerfsError {
  return new LayerfsError(
    "DIGEST_MISMATCH",
    `layer ${job.diffID}: the tar in the archive has the diffID ${applied.diffID}, expected ${job.diffID}`,
    { hint: "the archive is damaged or its config belongs to another image; make or fetch it again" },
  );
}
