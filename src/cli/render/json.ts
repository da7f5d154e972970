import { isUtf8 } from "node:buffer";

/** One line of JSON. Bytes are a string where they are UTF-8, else `{"base64": "…"}`. */
export function toJSON(value: unknown): string {
  return JSON.stringify(plain(value));
}

/** The same with indentation. */
export function toIndentedJSON(value: unknown): string {
  return JSON.stringify(plain(value), null, 2);
}

/** The lines that `toIndentedJSON` has for an item of an array, without the comma. */
export function toIndentedItem(value: unknown): string {
  return `  ${toIndentedJSON(value).replaceAll("\n", "\n  ")}`;
}

/** Done before JSON.stringify, whose replacer sees a Buffer only after its own toJSON. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return isUtf8(value) ? value.toString("utf8") : { base64: value.toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}
