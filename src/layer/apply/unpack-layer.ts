import { createHash } from "node:crypto";
import { read } from "node:fs";
import { promisify } from "node:util";
import { decompress } from "../../compression/decompress.ts";
import { DETECTION_BYTES, detectCompression } from "../../compression/detect.ts";
import { digestAlgorithm } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Extent } from "../../core/image.ts";
import { openDirectory } from "../../sys/at.ts";
import { close, pread } from "../../sys/file.ts";
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
 * records. Fails with DIGEST_MISMATCH where the bytes are not what `job` promises.
 */
export async function unpackLayer(job: ApplyJob, writer: LayerWriter, options: UnpackOptions): Promise<AppliedTar> {
  const fd = openDirectory(job.directory);
  try {
    const space = spaceGuard(fd, { maxLayerSize: job.maxLayerSize });
    await using records = job.tarSplit === null ? null : splitFile(job.tarSplit);
    const applied = await applyTar(openTar(job.bytes, options.onProgress), writer, {
      space,
      signal: options.signal,
      ...(records === null ? {} : { onSplit: records.write }),
    });
    await records?.end();
    if (applied.diffID !== job.diffID) throw wrongDiffID(job, applied);
    return applied;
  } finally {
    close(fd);
  }
}

function openTar(bytes: LayerBytes, onProgress: (bytes: number) => void): AsyncIterable<Buffer> {
  if (bytes.kind === "stored") return openStoredTar(bytes, { reuseBuffer: true });
  // The reader is done with a chunk when it asks for the next; an inflating stream holds several.
  const isTar = detectCompression(firstBytes(bytes.extent)) === "none";
  const blob = verifiedBlob(bytes, isTar, onProgress);
  return isTar ? blob : decompress(blob);
}

function firstBytes({ fd, offset, length }: Extent): Buffer {
  const bytes = Buffer.alloc(Math.min(length, DETECTION_BYTES));
  return bytes.subarray(0, pread(fd, bytes, offset));
}

async function* verifiedBlob(
  { extent, digest }: Extract<LayerBytes, { kind: "blob" }>,
  reuseBuffer: boolean,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const algorithm = digest === null ? null : digestAlgorithm(digest);
  const hash = algorithm === null ? null : createHash(algorithm);
  for await (const chunk of readExtent(extent, reuseBuffer)) {
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

async function* readExtent({ fd, offset, length }: Extent, reuseBuffer: boolean): AsyncGenerator<Buffer> {
  let buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, length));
  for (let done = 0; done < length; ) {
    if (!reuseBuffer) buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, length - done));
    const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, length - done), offset + done);
    if (bytesRead === 0) {
      throw new LayerfsError("INVALID_ARCHIVE", `the archive ends at byte ${offset + done}, in the middle of a layer`);
    }
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function wrongDiffID(job: ApplyJob, applied: AppliedTar): LayerfsError {
  return new LayerfsError(
    "DIGEST_MISMATCH",
    `layer ${job.diffID}: the tar in the archive has the diffID ${applied.diffID}, expected ${job.diffID}`,
    { hint: "the archive is damaged or its config belongs to another image; make or fetch it again" },
  );
}
