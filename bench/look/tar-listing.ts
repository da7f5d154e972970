import type { TreeRowType } from "../../test/support/dump-tree.ts";
import type { ListedNode } from "./wrong-answers.ts";

/** Options by which GNU tar tells everything, one line an entry, in ASCII. */
export const TAR_LISTING = ["--list", "--verbose", "--quoting-style=c", "--numeric-owner", "--full-time"] as const;
/** Names are not escaped whole in another locale. */
export const TAR_ENVIRONMENT = { LC_ALL: "C", TZ: "UTC" } as const;

const BLOCK = 512;
const LINE =
  /^(?:block (\d+): )?([-dlhcbp])([-rwxsStT]{9}) +\S+ +(\d+|\d+,\d+) +\S+ +\S+ +("(?:[^"\\]|\\.)*")(?: (->|link to) (".*"))?$/;
const TYPES: Readonly<Record<string, TreeRowType>> = {
  "-": "file",
  d: "directory",
  l: "symlink",
  c: "char",
  b: "block",
  p: "fifo",
};

export interface TarListedNode extends ListedNode {
  /** Where its header begins, with `--block-number`; else null. */
  readonly offset: number | null;
}

/** What `tar --list` with `TAR_LISTING` printed. A hard link is told as what it is a name of. */
export function parseTarListing(output: string): TarListedNode[] {
  const lines = output.split("\n").filter((line) => line !== "" && !/^block \d+: \*\*/.test(line));
  const known = new Map<string, TarListedNode>();
  return lines.map((line) => {
    const node = parseLine(line, known);
    known.set(node.path, node);
    return node;
  });
}

function parseLine(line: string, known: ReadonlyMap<string, TarListedNode>): TarListedNode {
  const [matched, block, letter = "", permissions = "", size, name = "", arrow, link] = LINE.exec(line) ?? [];
  if (matched === undefined) throw new Error(`tar printed a line of another form: ${line}`);
  const path = pathOf(name);
  const offset = block === undefined ? null : Number(block) * BLOCK;
  const linked = letter === "h" ? known.get(pathOf(link ?? "")) : undefined;
  if (linked !== undefined) return { ...linked, path, offset };
  const type = TYPES[letter];
  if (type === undefined) throw new Error(`tar printed an entry of another type: ${line}`);
  return {
    path,
    offset,
    type,
    mode: modeOf(permissions),
    size: type === "file" ? Number(size) : null,
    target: arrow === "->" && link !== undefined ? unquoted(link) : null,
  };
}

function pathOf(name: string): string {
  return unquoted(name).replace(/^(\.?\/)+|\/+$/g, "");
}

/** `rwxr-sr-t` as a number. */
function modeOf(permissions: string): number {
  const bits = [...permissions].map((letter) => (letter === "-" || letter === "S" || letter === "T" ? 0 : 1));
  const special = [2, 5, 8].map((place) => (/[sStT]/.test(permissions[place] ?? "") ? 1 : 0));
  return [...special, ...bits].reduce<number>((mode, bit) => mode * 2 + bit, 0);
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** A C string with its quotes, as latin1. */
function unquoted(text: string): string {
  return text
    .slice(1, -1)
    .replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
      /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
    );
}
