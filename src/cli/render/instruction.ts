import { printable } from "../../core/errors.ts";

/** One line of at most `width` characters, without the shell that Docker's classic builder put before what is no command of it. */
export function renderInstruction(createdBy: string | null, width: number): string {
  if (createdBy === null) return "(no instruction recorded)";
  const line = createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s*/, "")
    .replace(/\s+/g, " ")
    .trim();
  return shorten(printable(line), width);
}

export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
