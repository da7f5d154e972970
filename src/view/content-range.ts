/** The bytes from `start` up to and with `end`. */
export interface WholeRange {
  readonly start: number;
  readonly end: number;
}

/** A range of a file of `size` bytes, cut to what is there; empty where `start` is greater than `end`. */
export function contentRange(
  size: number,
  range: { readonly start?: number | undefined; readonly end?: number | undefined } = {},
): WholeRange {
  const { start = 0, end = size - 1 } = range;
  return { start: Math.max(0, start), end: Math.min(end, size - 1) };
}

/** That part of a file which is read from its first byte on. Stops the source where it has enough. */
export async function* cutRange(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  { start, end }: WholeRange,
): AsyncGenerator<Buffer> {
  let position = 0;
  for await (const chunk of source) {
    const part = chunk.subarray(Math.max(0, start - position), end + 1 - position);
    position += chunk.length;
    if (part.length > 0) yield part;
    if (position > end) return;
  }
}
