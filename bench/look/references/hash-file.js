/**
 * `node hash-file.js FILE`: reads a file and takes its SHA-256. Plain JavaScript, so that no types are stripped in the
 * measured time.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

const hash = createHash("sha256");
for await (const chunk of createReadStream(process.argv[2], { highWaterMark: 1024 * 1024 })) hash.update(chunk);
console.log(hash.digest("hex"));
