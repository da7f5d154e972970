import { decompress } from "../../compression/decompress.ts";
import { cutRange } from "../../view/content-range.ts";
import type { ReadableLayer } from "../../view/view.ts";
import { copiedChunks } from "./copied-chunks.ts";
import { passTar } from "./layer-pass.ts";
import { storedNames } from "./layer-stream.ts";

/**
 * A tar archive, plain or compressed with gzip or zstd, as a layer. `open` gives its bytes from the start, as often as
 * it is asked. Nothing is verified, for nothing tells what the bytes should be.
 *
 * Codes, where it is read: INVALID_TAR, INVALID_COMPRESSION, UNSUPPORTED, LIMIT_EXCEEDED, and what `open` fails with.
 */
export function tarLayer(open: () => AsyncIterable<Uint8Array>): ReadableLayer {
  return {
    entries: () => passTar(decompress(open()), storedNames(), () => false, undefined),
    async *content(storedName, range) {
      const entries = passTar(decompress(open()), storedNames(), (_, name) => name.equals(storedName), undefined);
      for await (const { content } of entries)
        if (content !== null) return yield* cutRange(copiedChunks(content), range);
    },
  };
}
