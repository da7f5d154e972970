import type { Descriptor } from "../../core/descriptor.ts";
import { LayerfsError } from "../../core/errors.ts";

/** The bytes of a blob; fails with DIGEST_MISMATCH where they are not as many as the blob has. */
export function exactly(
  bytes: AsyncIterable<Uint8Array>,
  { size }: Pick<Descriptor, "size">,
  title: string,
): AsyncGenerator<Uint8Array> {
  return from(bytes, { size }, { start: 0, end: size }, title);
}

/** The same from `start` until before `end`; what lies before is read and left out. */
export async function* from(
  bytes: AsyncIterable<Uint8Array>,
  { size }: Pick<Descriptor, "size">,
  { start, end }: { readonly start: number; readonly end: number },
  title: string,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for await (const chunk of bytes) {
    const [first, last] = [Math.max(start - position, 0), Math.min(end - position, chunk.length)];
    position += chunk.length;
    if (position > size) throw wrongSize(title, size, `${position} or more`);
    if (first < last) yield chunk.subarray(first, last);
    if (position >= end && end < size) return;
  }
  if (position < end) throw wrongSize(title, size, position);
}

function wrongSize(title: string, expected: number, found: number | string): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `${title}: it was to have ${expected} bytes, and has ${found}`);
}
