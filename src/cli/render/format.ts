import { usageError } from "../usage.ts";
import { toIndentedItem, toIndentedJSON } from "./json.ts";
import { parseTemplate, renderTemplate, type Template } from "./template.ts";

export type Format =
  | { readonly kind: "table" }
  | { readonly kind: "json" }
  | { readonly kind: "template"; readonly template: Template };

/** The value of `--format`. Fails with USAGE. */
export function parseFormat(text: string): Format {
  if (text === "table" || text === "json") return { kind: text };
  if (!text.includes("{{") || text.startsWith("table ")) {
    throw usageError(`--format: expected table, json or a template such as '{{.ID}}', found "${text}"`);
  }
  return { kind: "template", template: parseTemplate(text) };
}

/**
 * Text that ends in a line end, or nothing. A template gives a line for each row of an array, or one for an object;
 * where Docker's fields are others than the result's, it is given `fields` in its place.
 */
export function formatResult(
  format: Format,
  result: unknown,
  table: () => string,
  fields: () => unknown = () => result,
): string {
  if (format.kind === "table") return table();
  if (format.kind === "json") return `${toIndentedJSON(result)}\n`;
  const found = fields();
  const rows = Array.isArray(found) ? found : [found];
  return rows.map((row) => `${renderTemplate(format.template, row)}\n`).join("");
}

/** As `formatResult` of an array, whose items come some at a time. `table` draws each piece by itself. */
export async function* formatPieces<T>(
  format: Format,
  pieces: AsyncIterable<readonly T[]>,
  table: (items: readonly T[]) => string,
): AsyncGenerator<string> {
  if (format.kind === "json") {
    let before = "[\n";
    for await (const piece of pieces) {
      yield before + piece.map(toIndentedItem).join(",\n");
      before = ",\n";
    }
    yield before === ",\n" ? "\n]\n" : "[]\n";
    return;
  }
  for await (const piece of pieces) yield formatResult(format, piece, () => table(piece));
}

/** Whether a template has the field, itself or one below it. */
export function usesField(format: Format, name: string): boolean {
  if (format.kind !== "template") return false;
  return format.template.some((part) => typeof part !== "string" && part.path[0] === name);
}
