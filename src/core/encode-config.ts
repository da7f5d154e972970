import { type ImageConfig, parseConfig } from "./config.ts";

/** A new image's config: its fields in the order of their names and without spaces, as Docker writes them. */
export function encodeConfig(fields: Readonly<Record<string, unknown>>): ImageConfig {
  const sorted = Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
  return parseConfig(Buffer.from(JSON.stringify(sorted)));
}
