import { holdBlob } from "../../src/content/hold-blob.ts";
import { ingestBlob } from "../../src/content/ingest.ts";
import { parseDigest } from "../../src/core/digest.ts";
import { randomBytesOf } from "./random.ts";

/** Fetches a blob, slowly, and tells how many bytes are there; to be killed. Usage: blob-ingester DIRECTORY DIGEST SIZE */
const [directory = "", digest = "", size = ""] = process.argv.slice(2);
const bytes = randomBytesOf("blob", Number(size));
const blob = await holdBlob(directory, {
  mediaType: "application/octet-stream",
  digest: parseDigest(digest),
  size: bytes.length,
});
let there = 0;
await ingestBlob(blob, {
  async *open(offset) {
    for (let at = offset; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
  },
  onBytes(count) {
    there += count;
    process.stdout.write(`${there}\n`);
  },
});
await blob.release({ keep: true });
