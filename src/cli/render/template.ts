import { printable } from "../../core/errors.ts";
import { usageError } from "../usage.ts";
import { toJSON } from "./json.ts";

/** Text to print as it is, or a field to look up; `path` of the row itself is empty. */
type Part = string | { readonly path: readonly string[]; readonly json: boolean };

export type Template = readonly Part[];

const ACTION = /^\s*(json\s+)?(\.|(?:\.[A-Za-z_]\w*)+)\s*$/;

/**
 * Reads the part of Go's templates that Docker's users write most: `{{.A.B}}` for a field and `{{json .A}}` for JSON.
 * `\t` and `\n` are a tab and a line end, as in Docker. Everything else fails with USAGE.
 */
export function parseTemplate(text: string): Template {
  const parts = text.split(/\{\{(.*?)\}\}/s);
  return parts.map((part, index) => (index % 2 === 0 ? parseText(part) : parseAction(part)));
}

/** One row. Bytes and strings have their control characters escaped; null is `<none>`; objects are JSON. */
export function renderTemplate(template: Template, row: unknown): string {
  return template
    .map((part) => {
      if (typeof part === "string") return part;
      const value = part.path.reduce(field, row);
      return part.json ? toJSON(value) : renderValue(value);
    })
    .join("");
}

function parseText(text: string): string {
  if (/\{\{|\}\}/.test(text)) throw usageError(`--format: "${text}" has {{ or }} without its other half`);
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function parseAction(text: string): Part {
  const match = ACTION.exec(text);
  const json = match?.[1] !== undefined;
  if (match === null || (match[2] === "." && !json)) {
    throw usageError(`--format: {{${text}}} is not supported`, "write {{.Field}}, {{.Field.Field}} or {{json .}}");
  }
  return { path: match[2]!.split(".").filter((name) => name !== ""), json };
}

/** Names are those of the JSON output; their case does not matter, so that Docker's `.Repository` works. */
function field(value: unknown, name: string): unknown {
  if (value === null) return null;
  const known = isRecord(value) ? Object.keys(value) : [];
  const key = known.find((key) => key === name) ?? known.find((key) => key.toLowerCase() === name.toLowerCase());
  if (key === undefined) {
    throw usageError(
      `--format: there is no field .${name}`,
      known.length === 0 ? undefined : `there are ${known.join(", ")}`,
    );
  }
  return (value as Record<string, unknown>)[key];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function renderValue(value: unknown): string {
  if (value === null || value === undefined) return "<none>";
  if (Buffer.isBuffer(value) || typeof value === "string") return printable(value);
  return typeof value === "object" ? toJSON(value) : String(value);
}
