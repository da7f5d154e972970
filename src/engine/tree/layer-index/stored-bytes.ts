import { type Compression, DETECTION_BYTES, detectCompression } from "../../../compression/detect.ts";
import type { Layer } from "../../../core/image.ts";
import { layerCompression } from "../../../core/media-types.ts";
import { readExtent, streamExtent } from "../../../source/extent.ts";
import { pread } from "../../../sys/file.ts";
import { cutRange } from "../../../view/content-range.ts";

/** How a layer is stored, without reading more than its first bytes; null where only reading it can tell. */
export function storedCompression({ extent, descriptor }: Layer): Compression | null {
  if (extent !== undefined) {
    const first = Buffer.alloc(Math.min(extent.length, DETECTION_BYTES));
    return detectCompression(first.subarray(0, pread(extent.fd, first, extent.offset)));
  }
  return descriptor === undefined ? null : (layerCompression(descriptor.mediaType) ?? null);
}

/** All stored bytes in order; a chunk is valid until the next one is asked for. */
export function streamStored(layer: Layer): AsyncIterable<Uint8Array> {
  return layer.extent === undefined ? layer.open() : streamExtent(layer.extent, `layer ${layer.diffID}`);
}

/** The stored bytes from an offset on, at most `length` of them; null where the place can only be read from its start. */
export function storedFrom(layer: Layer, offset: number, length?: number): AsyncIterable<Uint8Array> | null {
  const { extent, diffID } = layer;
  if (extent === undefined) {
    const rest = layer.openAt?.(offset) ?? null;
    return rest === null || length === undefined ? rest : cutRange(buffers(rest), { start: 0, end: length - 1 });
  }
  const rest = Math.max(0, extent.length - offset);
  const part = { fd: extent.fd, offset: extent.offset + offset, length: Math.min(rest, length ?? rest) };
  return readExtent(part, `layer ${diffID}`);
}

/** The same bytes as Buffers. */
export async function* buffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
