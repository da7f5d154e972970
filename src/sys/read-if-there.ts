import { readFileSync } from "node:fs";

/** The text of a small file; null where there is none. Other failures are the system's. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
