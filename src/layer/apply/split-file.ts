import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { fromNodeError } from "../../sys/errno.ts";

/** Headers compress to a tenth at any level; the lowest costs a third of the default's time. */
const GZIP_LEVEL = 1;

/** A layer's tar-split.json.gz while it is made. Disposing before `end` gives it up; its half-written file stays. */
export interface SplitFile extends AsyncDisposable {
  /** Resolves when more may come. */
  write(lines: Buffer): Promise<void>;
  /** Resolves when all is in the file; it becomes durable with the record that it is part of. */
  end(): Promise<void>;
}

/** Fails where `path` is there. */
export function splitFile(path: string): SplitFile {
  const gzip = createGzip({ level: GZIP_LEVEL });
  const done = pipeline(gzip, createWriteStream(path, { flags: "wx", mode: 0o644 })).catch((error: unknown) => {
    throw fromNodeError(error, "write", path);
  });
  done.catch(() => {});
  return {
    async write(lines) {
      if (lines.length > 0 && !gzip.write(lines)) await Promise.race([once(gzip, "drain"), done]);
    },
    async end() {
      gzip.end();
      await done;
    },
    async [Symbol.asyncDispose]() {
      gzip.destroy();
      await done.catch(() => {});
    },
  };
}
