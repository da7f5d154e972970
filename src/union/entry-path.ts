import { LayerfsError, printable } from "../core/errors.ts";

/** The names of a path from the root down, as bytes; empty for the root itself. */
export type Components = readonly Buffer[];

/**
 * What the name of an entry means in a layer.
 * Source: OCI image specification, layer.md, "Representing Changes"; the `.wh..wh.` names besides `.wh..wh..opq` are
 * aufs's own bookkeeping, which no reader may show.
 */
export type EntryPath =
  | { readonly kind: "root" }
  | { readonly kind: "node"; readonly parent: Components; readonly name: Buffer }
  /** Hides `name` of the layers below. */
  | { readonly kind: "whiteout"; readonly parent: Components; readonly name: Buffer }
  /** Hides all that the layers below have in `directory`. */
  | { readonly kind: "opaque"; readonly directory: Components }
  | { readonly kind: "reserved"; readonly path: Components };

/** Linux, limits.h: bytes in one name, bytes in a path. */
export const NAME_MAX: number = 255;
export const PATH_MAX: number = 4095;
const SLASH = 0x2f;
const WHITEOUT = Buffer.from(".wh.");
const META = Buffer.from(".wh..wh.");
const OPAQUE = Buffer.from(".wh..wh..opq");
/** A part that is empty, `.` or `..`. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;
const DOT = Buffer.from(".");
const DOTDOT = Buffer.from("..");

/**
 * The path that a name in an archive stands for, below the root of the layer: `.` and empty parts dropped, `..`
 * resolved by text and never above the root, a leading `/` ignored.
 */
export function cleanPath(name: Buffer): Components {
  const components: Buffer[] = [];
  let start = 0;
  while (start <= name.length) {
    const slash = name.indexOf(SLASH, start);
    const end = slash === -1 ? name.length : slash;
    const part = name.subarray(start, end);
    if (part.equals(DOTDOT)) components.pop();
    else if (part.length > 0 && !part.equals(DOT)) components.push(part);
    start = end + 1;
  }
  return components;
}

/**
 * Fails with INVALID_LAYER for a whiteout that would name its own directory, its parent or nothing, and for a name that
 * no file system takes.
 */
export function classifyEntry(name: Buffer): EntryPath {
  const components = cleanPath(name);
  refuseTooLong(name, components);
  const last = components.at(-1);
  if (last === undefined) return { kind: "root" };
  const parent = components.slice(0, -1);
  if (last.equals(OPAQUE) && !parent.some(isMeta)) return { kind: "opaque", directory: parent };
  if (components.some(isMeta)) return { kind: "reserved", path: components };
  if (!startsWith(last, WHITEOUT)) return { kind: "node", parent, name: last };
  const hidden = last.subarray(WHITEOUT.length);
  if (hidden.length === 0 || hidden.equals(DOT) || hidden.equals(DOTDOT)) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `${printable(name)}: a whiteout must name a file, found ${printable(last)}`,
    );
  }
  return { kind: "whiteout", parent, name: hidden };
}

/** The same for a tar that is no layer, where no name is a whiteout. */
export function classifyPlain(name: Buffer): EntryPath {
  const components = cleanPath(name);
  refuseTooLong(name, components);
  const last = components.at(-1);
  return last === undefined ? { kind: "root" } : { kind: "node", parent: components.slice(0, -1), name: last };
}

/** A path as a Map key: the bytes as latin1, joined by `/`, no leading slash, "" for the root. */
export function pathKey(components: Components): string {
  return components.map((part) => part.toString("latin1")).join("/");
}

/** `pathKey(cleanPath(name))`, at once for a name that is clean already. */
export function nameKey(name: Buffer): string {
  const text = name.toString("latin1", 0, name.at(-1) === SLASH ? name.length - 1 : name.length);
  return UNCLEAN.test(text) ? pathKey(cleanPath(name)) : text;
}

export function joinKey(directory: string, name: Buffer): string {
  return directory === "" ? name.toString("latin1") : `${directory}/${name.toString("latin1")}`;
}

/** The INVALID_LAYER error for what no file system takes; `name` is that of the entry. */
export function tooLong(name: Buffer, what: string, length: number, limit: number): LayerfsError {
  const start = printable(name.subarray(0, 80));
  return new LayerfsError("INVALID_LAYER", `${start}…: ${what} has ${length} bytes, at most ${limit} are possible`);
}

/** A key for messages. */
export function printableKey(key: string): string {
  return `/${printable(Buffer.from(key, "latin1"))}`;
}

/** A whiteout may be longer by its prefix than the name that it hides, for it is no file. */
function refuseTooLong(name: Buffer, components: Components): void {
  const last = components.at(-1);
  const prefix = last !== undefined && startsWith(last, WHITEOUT) && !isMeta(last) ? WHITEOUT.length : 0;
  const lengths = components.map((part) => (part === last ? part.length - prefix : part.length));
  const longest = Math.max(0, ...lengths);
  if (longest > NAME_MAX) throw tooLong(name, "a name", longest, NAME_MAX);
  if (name.length > PATH_MAX) throw tooLong(name, "the path", name.length, PATH_MAX);
}

function isMeta(part: Buffer): boolean {
  return startsWith(part, META);
}

function startsWith(part: Buffer, prefix: Buffer): boolean {
  return part.length >= prefix.length && part.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
