import { parseRfc3339, type Timespec } from "../core/timespec.ts";
import type { FindOptions } from "../engine/look/find-nodes.ts";
import { usageError } from "./usage.ts";

/** The tests of find(1) that `layerfs find` knows; there they have one dash, and so they may here. */
const WORDS = ["name", "type", "size", "newer", "newermt", "perm", "mindepth", "maxdepth"];

/** The command line with a second dash in front of the words of find, where the verb is find. */
export function withLongFindWords(argv: readonly string[]): readonly string[] {
  const verb = argv.indexOf("find");
  if (verb === -1) return argv;
  return argv.map((word, index) => (index > verb && WORDS.some((each) => word === `-${each}`) ? `-${word}` : word));
}

const KINDS = { f: "file", d: "directory", l: "symlink", c: "char", b: "block", p: "fifo" } as const;

/** `f`, or several letters with commas, as GNU find takes them. */
export function parseKinds(text: string): FindOptions["kinds"] {
  return text.split(",").map((letter) => {
    if (letter in KINDS) return KINDS[letter as keyof typeof KINDS];
    throw usageError(`--type: expected f, d, l, c, b or p, or several with commas, found "${text}"`);
  });
}

const UNITS: Readonly<Record<string, number>> = { "": 512, b: 512, c: 1, w: 2, k: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** `[+-]N[bcwkMG]`: N units, rounded up; without a letter blocks of 512 bytes. */
export function parseSizeTest(text: string): FindOptions["size"] {
  const [, sign, number, letter = ""] = /^([+-]?)(\d{1,15})([bcwkMG]?)$/.exec(text) ?? [];
  if (number === undefined) throw usageError(`--size: expected [+-]N[cwbkMG], such as +10M, found "${text}"`);
  return { than: signOf(sign), count: Number(number), unit: UNITS[letter] ?? 512 };
}

function signOf(sign: string | undefined): "equal" | "more" | "less" {
  if (sign === "+") return "more";
  return sign === "-" ? "less" : "equal";
}

/** `MODE`, `-MODE` or `/MODE`, octal or symbolic; symbols count from mode 0. */
export function parsePerm(text: string): FindOptions["mode"] {
  const [, prefix = "", mode = ""] = /^([-/]?)(.*)$/s.exec(text) ?? [];
  const bits = /^[0-7]{1,4}$/.test(mode) ? Number.parseInt(mode, 8) : symbolicBits(mode);
  if (bits === null) throw usageError(`--perm: expected a mode such as 644, -4000 or /u=s,g=s, found "${text}"`);
  return { bits, match: prefix === "" ? "exact" : prefix === "-" ? "all" : "any" };
}

const WHO = { u: 6, g: 3, o: 0 } as const;
const LETTERS = { r: 4, w: 2, x: 1 } as const;

function symbolicBits(text: string): number | null {
  let bits = 0;
  for (const clause of text.split(",")) {
    const [, who, action, letters] = /^([ugoa]*)([-+=])([rwxst]*)$/.exec(clause) ?? [];
    if (who === undefined || letters === undefined) return null;
    const classes = who === "" || who.includes("a") ? "ugo" : who;
    const mask = maskOf(classes, letters);
    if (action === "-") bits &= ~mask;
    else if (action === "+") bits |= mask;
    else bits = (bits & ~maskOf(classes, "rwxst")) | mask;
  }
  return bits;
}

function maskOf(classes: string, letters: string): number {
  let mask = letters.includes("t") ? 0o1000 : 0;
  if (letters.includes("s")) mask |= (classes.includes("u") ? 0o4000 : 0) | (classes.includes("g") ? 0o2000 : 0);
  for (const [name, shift] of Object.entries(WHO)) {
    if (!classes.includes(name)) continue;
    for (const [letter, bit] of Object.entries(LETTERS)) if (letters.includes(letter)) mask |= bit << shift;
  }
  return mask;
}

/** A day or a time of RFC 3339, or seconds after `@`; in UTC where it does not say. */
export function parseNewer(text: string): Timespec {
  const [, seconds, fraction = ""] = /^@(-?\d{1,15})(?:\.(\d+))?$/.exec(text) ?? [];
  if (seconds !== undefined) {
    return { seconds: Number(seconds), nanoseconds: Number(fraction.slice(0, 9).padEnd(9, "0")) };
  }
  const time = parseRfc3339(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : withZone(text.replace(" ", "T")));
  if (time !== undefined) return time;
  throw usageError(`--newermt: expected a time such as 2024-01-31 or 2024-01-31T12:00:00Z, found "${text}"`);
}

function withZone(text: string): string {
  return /T\d\d:\d\d:\d\d(\.\d+)?$/.test(text) ? `${text}Z` : text;
}

export function parseDepth(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw usageError(`depth: expected a number, found "${text}"`);
}
