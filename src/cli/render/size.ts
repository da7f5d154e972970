import { usageError } from "../usage.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;

/** In the order of their powers. */
const PREFIXES = ["", "k", "m", "g", "t", "p"];

/** Bytes as Docker shows them: powers of 1000, three significant digits, such as `1.24MB`. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 and more would be rounded to a fourth digit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${UNITS[unit]}`;
}

/** Bytes of `10GB`, `10G` (powers of 1000, the sizes that Docker shows), `10GiB` (powers of 1024) or `10`. USAGE otherwise. */
export function parseSize(text: string): number {
  const [, number, prefix = "", binary] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])(i?))?b?$/i.exec(text.trim()) ?? [];
  const power = PREFIXES.indexOf(prefix.toLowerCase());
  const bytes = Math.floor(Number(number) * (binary ? 1024 : 1000) ** power);
  if (!Number.isSafeInteger(bytes) || bytes === 0) {
    throw usageError(`size: expected a number with a unit, such as 10GB or 512MiB, found "${text}"`);
  }
  return bytes;
}
