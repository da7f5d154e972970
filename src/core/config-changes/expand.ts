import { printable } from "../errors.ts";
import { invalidChange } from "./instruction.ts";

/**
 * What a word of a Dockerfile stands for: quotes and backslashes taken away, `$NAME`, `${NAME}`, `${NAME:-word}`,
 * `${NAME:+word}`, `${NAME:?words}` and `${NAME?words}` replaced, but not between single quotes. A name that is not set is
 * empty. Fails with INVALID_CONFIG.
 */
export function expandWord(word: string, environment: ReadonlyMap<string, string>): string {
  try {
    return new Expansion(word, environment).untilEnd();
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    throw invalidChange(`failed to process ${JSON.stringify(printable(word))}: ${error.message}`);
  }
}

class WordError extends Error {}

const ESCAPED_IN_QUOTES = /["$\\]/;
const SIMPLE_NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]/y;
const BRACED_NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#]/y;

/** One walk over a word. */
class Expansion {
  readonly #word: string;
  readonly #environment: ReadonlyMap<string, string>;
  #at = 0;

  constructor(word: string, environment: ReadonlyMap<string, string>) {
    this.#word = word;
    this.#environment = environment;
  }

  untilEnd(): string {
    return this.#until(null);
  }

  /** What stands before `end`, which is taken too. */
  #until(end: string | null): string {
    let text = "";
    for (let next = this.#take(); next !== end; next = this.#take()) {
      if (next === null) throw new WordError("syntax error: missing '}'");
      if (next === "'") text += this.#singleQuoted();
      else if (next === '"') text += this.#doubleQuoted();
      else if (next === "$") text += this.#variable();
      else if (next === "\\") text += this.#take() ?? "";
      else text += next;
    }
    return text;
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at);
    if (end < 0) throw new WordError("unexpected end of statement while looking for matching single-quote");
    const text = this.#word.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    let text = "";
    for (let next = this.#take(); next !== '"'; next = this.#take()) {
      if (next === null) throw new WordError("unexpected end of statement while looking for matching double-quote");
      if (next === "$") text += this.#variable();
      else if (next === "\\" && ESCAPED_IN_QUOTES.test(this.#peek())) text += this.#take();
      else text += next;
    }
    return text;
  }

  #variable(): string {
    if (this.#peek() !== "{") {
      const name = this.#match(SIMPLE_NAME);
      return name === "" ? "$" : (this.#environment.get(name) ?? "");
    }
    this.#at++;
    if (/[{}:]/.test(this.#peek())) throw new WordError("syntax error: bad substitution");
    return this.#substitution(this.#match(BRACED_NAME));
  }

  #substitution(name: string): string {
    const value = this.#environment.get(name);
    const next = this.#take();
    if (next === "}") return value ?? "";
    if (next !== ":" && next !== "?") throw new WordError("missing ':' in substitution");
    const modifier = next === "?" ? "" : this.#take();
    const word = this.#until("}");
    switch (modifier) {
      case "-":
        return value || word;
      case "+":
        return value ? word : "";
      case "?":
      case "":
        if (value === undefined) throw new WordError(`${name}: ${word || "is not allowed to be unset"}`);
        if (value === "" && modifier === "?") throw new WordError(`${name}: ${word || "is not allowed to be empty"}`);
        return value;
      default:
        throw new WordError(`unsupported modifier (${modifier}) in substitution`);
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [text = ""] = pattern.exec(this.#word) ?? [];
    this.#at += text.length;
    return text;
  }

  #peek(): string {
    return this.#word[this.#at] ?? "";
  }

  /** The next character, null at the end. */
  #take(): string | null {
    return this.#word[this.#at++] ?? null;
  }
}
