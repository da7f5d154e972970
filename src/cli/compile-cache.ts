import { join } from "node:path";
import { cacheHome } from "../sys/cache-home.ts";

/** Where Node.js keeps the compiled code of layerfs. Null where the user has no cache of their own. */
export function compileCacheDirectory(env: Readonly<Record<string, string | undefined>>): string | null {
  const home = cacheHome(env);
  // Node.js does not return from making directories where none can be made at all.
  if (home === null || home.startsWith("/proc/")) return null;
  return join(home, "compile-cache");
}
