/** How a blob is packed, by its own first bytes. */
export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

/** As many bytes as `detectCompression` needs to be sure; fewer are enough if the blob is shorter. */
export const DETECTION_BYTES: number = 10;

/**
 * The compression that `firstBytes` announce: gzip (RFC 1952), zstd with or without a skippable frame in front (RFC 8878),
 * bzip2, xz. Anything else, also nothing at all, is "none".
 */
export function detectCompression(firstBytes: Uint8Array): Compression {
  const [first, second, third, fourth] = firstBytes;
  if (first === 0x1f && second === 0x8b) return "gzip";
  if (startsWith(firstBytes, ZSTD)) return "zstd";
  if ((first! & 0xf0) === 0x50 && second === 0x2a && third === 0x4d && fourth === 0x18) return "zstd";
  if (startsWith(firstBytes, XZ)) return "xz";
  // A plain tar may begin with a file named "BZh": only a block size and a block's mark make it bzip2.
  if (startsWith(firstBytes, BZIP2) && BZIP2_MARKS.some((mark) => startsWith(firstBytes.subarray(4), mark)))
    return "bzip2";
  return "none";
}

const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const BZIP2 = [0x42, 0x5a, 0x68];
/** Of a compressed block (digits of pi) and of the end of an empty stream (digits of its square root). */
const BZIP2_MARKS = [
  [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
  [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
];

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}
