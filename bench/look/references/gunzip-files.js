/**
 * `node gunzip-files.js [--sha256] FILE...`: inflates files one after the other and throws the bytes away; with --sha256
 * it also takes the digests of what it reads and of what comes out, as a reader that verifies layers must. Plain
 * JavaScript, so that no types are stripped in the measured time.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

const CHUNK = 1024 * 1024;
const words = process.argv.slice(2);
const isHashed = words[0] === "--sha256";

for (const file of isHashed ? words.slice(1) : words) {
  const input = createReadStream(file, { highWaterMark: CHUNK });
  await pipeline(input, consume("stored"), createGunzip({ chunkSize: CHUNK }), consume("inflated"), drain);
}

function consume(title) {
  return async function* (chunks) {
    const hash = isHashed ? createHash("sha256") : null;
    for await (const chunk of chunks) {
      hash?.update(chunk);
      yield chunk;
    }
    if (hash !== null) console.log(`${title} ${hash.digest("hex")}`);
  };
}

async function drain(chunks) {
  for await (const _ of chunks);
}
