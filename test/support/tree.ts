import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Absolute path of the checkout, without a slash at its end. */
export const checkout: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A file of the checkout as text; `path` is relative to it. */
export function readText(path: string): string {
  return readFileSync(`${checkout}/${path}`, "utf8");
}

/** Paths, relative to the checkout, of the files that git tracks or would track, those below `folder` only. */
export function projectFiles(folder = "."): string[] {
  const arguments_ = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder];
  // The checkout may belong to somebody else than the one who tests it.
  const listing = execFileSync("git", ["-c", "safe.directory=*", ...arguments_], {
    cwd: checkout,
    encoding: "utf8",
    maxBuffer: 16 << 20,
  });
  return [...new Set(listing.split("\0"))].filter((path) => path !== "" && existsSync(`${checkout}/${path}`)).sort();
}
