import { LayerfsError } from "../errors.ts";

/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In lower case. */
  readonly name: string;
  /** Words that begin with `--`, before everything else, without it: `interval=5s`. */
  readonly flags: readonly string[];
  /** The rest of the line. */
  readonly argument: string;
}

/**
 * Takes the lines of a Dockerfile apart: comments and empty lines are left out, a line that ends in a backslash goes on
 * in the next one. Fails with INVALID_CONFIG where there is no instruction.
 */
export function parseInstructions(text: string): Instruction[] {
  const instructions = joinedLines(text).map(parseInstruction);
  if (instructions.length === 0) throw invalidChange("file with no instructions", 'write for example CMD ["sh"]');
  return instructions;
}

/** A change that cannot be made, in Docker's words. */
export function invalidChange(message: string, hint?: string): LayerfsError {
  return new LayerfsError("INVALID_CONFIG", message, { hint });
}

function joinedLines(text: string): string[] {
  const lines: string[] = [];
  let begun: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    const whole: string = begun === null ? line.trim() : begun + line.trimEnd();
    begun = whole.endsWith("\\") ? whole.slice(0, -1) : null;
    if (begun === null) lines.push(whole);
  }
  return begun === null ? lines : [...lines, begun];
}

function parseInstruction(line: string): Instruction {
  const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const flags: string[] = [];
  let argument = rest;
  for (let flag = FLAG.exec(argument); flag !== null; flag = FLAG.exec(argument)) {
    flags.push(flag[1] ?? "");
    argument = argument.slice(flag[0].length);
  }
  return { name: name.toLowerCase(), flags, argument };
}

const FLAG = /^--(\S*)\s*/;
