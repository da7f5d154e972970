import { printable } from "../errors.ts";
import { invalidChange } from "./instruction.ts";

/** The words of a line; quotes and backslashes are kept, and what is quoted belongs to one word. */
export function splitWords(line: string): string[] {
  return (line.match(WORD) ?? []).map((word) =>
    word.endsWith("\\") && !word.endsWith("\\\\") ? word.slice(0, -1) : word,
  );
}

const WORD = /(?:\\.|'[^']*'?|"(?:\\.|[^"\\])*"?|\\$|[^\s\\'"])+/gs;

/**
 * The pairs of `NAME=VALUE NAME=VALUE`, or the one of `NAME VALUE`, as written. Fails with INVALID_CONFIG; `instruction`
 * is for its message.
 */
export function parsePairs(line: string, instruction: string): [name: string, value: string][] {
  const words = splitWords(line);
  const [first] = words;
  if (first === undefined) throw invalidChange(`${instruction} requires at least one argument`);
  if (!first.includes("=")) {
    const [, name, value] = /^(\S+)\s+(\S.*)$/s.exec(line.trim()) ?? [];
    if (name === undefined || value === undefined) throw invalidChange(`${instruction} must have two arguments`);
    return [[name, value]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      const text = JSON.stringify(printable(word));
      throw invalidChange(`Syntax error - can't find = in ${text}. Must be of the form: name=value`);
    }
    if (equals === 0) throw invalidChange(`${instruction} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/**
 * The words of a JSON array at the beginning of a line, of which Docker ignores the rest; null where there is none. Fails
 * with INVALID_CONFIG where they are not all strings.
 */
export function parseExecForm(line: string): string[] | null {
  const [text] = JSON_ARRAY.exec(line.trim()) ?? [];
  const words = text === undefined ? null : arrayOf(text);
  if (words === null || words.every((word) => typeof word === "string")) return words;
  throw invalidChange("when using JSON array syntax, arrays must be comprised of strings only");
}

const JSON_ARRAY = /^\[(?:"(?:\\.|[^"\\])*"|[^"\]])*\]/s;

function arrayOf(text: string): unknown[] | null {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
