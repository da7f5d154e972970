import { readPlainFile } from "./plain-path.ts";

/** The text of a record of a data root; null where there is none. Fails as `readPlainFile`. */
export function readIfThere(path: string): string | null {
  return readPlainFile(path)?.toString() ?? null;
}
