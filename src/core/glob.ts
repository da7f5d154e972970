import { LayerfsError, printable } from "./errors.ts";

/**
 * The pattern language of Go's path.Match, in which Docker's users write `reference=` filters: `*` is any run and `?`
 * any one character but `/`, `[a-z]` and `[^a-z]` are classes, a backslash takes the next character as it is. The
 * returned function tells whether the whole text matches. Fails with INVALID_REFERENCE where a class or an escape has no end.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const expression = new RegExp(`^${globSource(pattern, pattern)}$`, "su");
  return (text) => expression.test(text);
}

/**
 * The same for paths: a part `**` stands for any number of directories, none among them, and at the end for all that
 * lies below. The whole path must match; a `/` in front of it, and of the pattern, counts for nothing.
 */
export function pathGlobMatcher(pattern: string): (path: string) => boolean {
  const parts = pattern.split("/").filter((part) => part !== "");
  const sources = parts.map((part, index) => {
    const isLast = index === parts.length - 1;
    if (part === "**") return isLast ? ".+" : "(?:[^/]+/)*";
    return `${globSource(part, pattern)}${isLast ? "" : "/"}`;
  });
  const expression = new RegExp(`^/?${sources.join("")}$`, "su");
  return (path) => expression.test(path);
}

/** A regular expression for `part` of the glob `pattern`. */
function globSource(part: string, pattern: string): string {
  let rest = part;
  let source = "";
  while (rest !== "") {
    const [token = ""] = TOKEN.exec(rest) ?? [];
    if (token === "") {
      const message = `pattern "${printable(pattern)}": syntax error in pattern`;
      throw new LayerfsError("INVALID_REFERENCE", message, { hint: "a [ needs its ], and a \\ a character behind it" });
    }
    source += translate(token);
    rest = rest.slice(token.length);
  }
  return source;
}

/** An escaped character, a class of at least one member, or any other character that begins nothing. */
const TOKEN = /^(?:\\.|\[(?:\^|(?!\^))(?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+\]|\*+|[^\\[])/su;

function translate(token: string): string {
  if (token.startsWith("*")) return "[^/]*";
  if (token === "?") return "[^/]";
  if (!token.startsWith("[")) return literal(token.replace(/^\\/, ""));
  const negated = token.startsWith("[^");
  const ranges = [...token.slice(negated ? 2 : 1, -1).matchAll(/\\?(.)(?:-\\?(.))?/gsu)];
  // A range that runs backwards holds nothing in Go, and is an error in JavaScript.
  const members = ranges.map(([, low = "", high = low]) => (low <= high ? `${literal(low)}-${literal(high)}` : ""));
  return `[${negated ? "^" : ""}${members.join("")}]`;
}

function literal(character: string): string {
  return /[\w\s]/u.test(character) || character > "\x7f"
    ? character
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
