const SPACE = 0x20;
const DIGIT_ZERO = 0x30;

/**
 * A number in a header field: octal digits between spaces and NULs (POSIX ustar), or GNU's base-256, a big-endian two's
 * complement number whose first bit is a marker. An empty octal field is 0. NaN for a malformed field and for a number
 * that JavaScript cannot hold exactly (beyond 2^53).
 */
export function parseNumber(block: Uint8Array, start: number, length: number): number {
  return block[start]! & 0x80 ? parseBase256(block, start, length) : parseOctal(block, start, length);
}

export function parseOctal(block: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let at = start;
  while (at < end && (block[at] === SPACE || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at]! - DIGIT_ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  while (at < end && block[at] === SPACE) at++;
  return at === end || block[at] === 0 ? value : Number.NaN;
}

/** `value` as octal digits and a NUL into the field, or false if the field is too small for it or it is no natural number. */
export function writeOctal(block: Buffer, start: number, length: number, value: number): boolean {
  if (!fitsOctal(value, length)) return false;
  block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, start, length, "latin1");
  return true;
}

/** Whether `value` has room in an octal field of `length` bytes, one of which is the closing NUL. */
export function fitsOctal(value: number, length: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < 8 ** (length - 1);
}

function parseBase256(block: Uint8Array, start: number, length: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  const flip = negative ? 0xff : 0;
  let value = (block[start]! ^ flip) & 0x3f;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + (block[at]! ^ flip);
    if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  }
  return negative ? -1 - value : value;
}
