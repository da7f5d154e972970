import { dirname, join } from "node:path";
import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { writeFileDurably } from "../sys/durable.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import type { ImageLayout } from "./layout.ts";

/** Under which digest a registry has a layer. */
export interface RegistryBlob {
  readonly digest: Digest;
  /** As `docker.io/library/nginx`. */
  readonly repository: string;
}

/** As it is written; `HMAC` tells dockerd with whose credentials the blob was pushed. */
interface BlobRecord {
  readonly Digest: Digest;
  readonly SourceRepository: string;
  readonly HMAC: string;
}

/** So many are kept of a layer, as in moby. */
const MAX_RECORDS = 50;

/**
 * What is known of a layer since it was pulled or pushed, oldest first; none where it was neither. Fails with
 * CORRUPT_STORE where the record is damaged. Format: moby, distribution/metadata/v2_metadata_service.go.
 */
export function readRegistryBlobs(layout: ImageLayout, diffID: Digest): RegistryBlob[] {
  return readRecords(layout, diffID).map(({ Digest, SourceRepository }) => ({
    digest: Digest,
    repository: SourceRepository,
  }));
}

/**
 * Notes where a registry has a layer, as the newest of what is known of it, and which layer the blob is; each file is
 * durable and whole at every instant. Noting it again changes nothing. Not for what is compressed with zstd: dockerd takes
 * the blob of a note for gzip, whatever it is, when it writes a manifest. A damaged record is written anew, as dockerd
 * does. The caller holds the store's exclusive lock.
 */
export function noteRegistryBlob(layout: ImageLayout, diffID: Digest, blob: RegistryBlob): void {
  const known = readUnlessDamaged(layout, diffID);
  const isSame = (record: BlobRecord): boolean =>
    record.Digest === blob.digest && record.SourceRepository === blob.repository;
  const newest: BlobRecord = {
    Digest: blob.digest,
    SourceRepository: blob.repository,
    HMAC: known.findLast(isSame)?.HMAC ?? "",
  };
  const records = [...known.filter((record) => !isSame(record)), newest].slice(-MAX_RECORDS);
  const text = JSON.stringify(records);
  makeDirectories(layout.distribution, 0o700);
  if (text !== JSON.stringify(known)) writeRecord(blobsPath(layout, diffID), text);
  const path = join(layout.distribution, "diffid-by-digest", digestAlgorithm(blob.digest), digestHex(blob.digest));
  if (readIfThere(path) !== diffID) writeRecord(path, diffID);
}

function readUnlessDamaged(layout: ImageLayout, diffID: Digest): BlobRecord[] {
  try {
    return readRecords(layout, diffID);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return [];
    throw error;
  }
}

function readRecords(layout: ImageLayout, diffID: Digest): BlobRecord[] {
  const path = blobsPath(layout, diffID);
  const text = readIfThere(path);
  if (text === null) return [];
  try {
    const found = JSON.parse(text) as { Digest: string; SourceRepository: string; HMAC?: string }[];
    return found.map(({ Digest, SourceRepository, HMAC = "" }) => ({
      Digest: parseDigest(Digest),
      SourceRepository,
      HMAC,
    }));
  } catch (cause) {
    throw new LayerfsError("CORRUPT_STORE", `${path} is damaged: ${(cause as Error).message}`, {
      hint: "remove it; it only spares the upload of what a registry has already",
      cause,
    });
  }
}

function blobsPath(layout: ImageLayout, diffID: Digest): string {
  return join(layout.distribution, "v2metadata-by-diffid", digestAlgorithm(diffID), digestHex(diffID));
}

function writeRecord(path: string, text: string): void {
  makeDirectories(dirname(path), 0o755);
  writeFileDurably(path, text, { mode: 0o644 });
}
