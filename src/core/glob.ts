import { LayerfsError, printable } from "./errors.ts";

/**
 * The pattern language of Go's path.Match, in which Docker's users write `reference=` filters: `*` is any run and `?`
 * any one character but `/`, `[a-z]` and `[^a-z]` are classes, a backslash takes the next character as it is. The
 * returned function tells whether the whole text matches. Fails with INVALID_REFERENCE where a class or an escape has no end.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  let rest = pattern;
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
  const expression = new RegExp(`^${source}$`, "su");
  return (text) => expression.test(text);
}

/** An escaped character, a class of at least one member, or any other character that begins nothing. */
const TOKEN = /^(?:\\.|\[(?:\^|(?!\^))(?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+\]|\*+|[^\\[])/su;

function translate(token: string): string {
  if (token.startsWith("*")) return "[^/]*";
  if (token === "?") return "[^/]";
  if (!token.startsWith("[")) return literal(token.replace(/^\\/, ""));
  const negated = token.startsWith("[^");
  const members = token.slice(negated ? 2 : 1, -1).matchAll(/\\?(.)(-)?/gsu);
  const inside = [...members].map(([, character = "", dash = ""]) => literal(character) + dash).join("");
  return `[${negated ? "^" : ""}${inside}]`;
}

function literal(character: string): string {
  return /[\w\s]/u.test(character) || character > "\x7f"
    ? character
    : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
