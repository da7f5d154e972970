import { usageError } from "../usage.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;

/** In the order of their powers. */
const PREFIXES = ["", "k", "m", "g", "t", "p"];

/** Bytes as Docker shows them: powers of 1000, three significant digits in most places, such as `1.24MB`. */
export function humanSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  // What would be rounded up to 1000 is shown in the next unit.
  while (Number(value.toPrecision(digits)) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${UNITS[unit]}`;
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
