import { usageError } from "./usage.ts";

/**
 * The directories of overlayfs's `lowerdir=` option: separated by colons, the topmost first; a backslash takes the next
 * character as it is. Fails with USAGE on an empty part.
 */
export function parseLowers(text: string): string[] {
  const parts = [""];
  for (const [token] of text.matchAll(/\\?./gs)) {
    if (token === ":") parts.push("");
    else parts[parts.length - 1] += token.length === 2 ? token.slice(1) : token;
  }
  if (parts.includes("")) throw usageError(`--lower: expected DIR[:DIR...], found "${text}"`);
  return parts;
}
