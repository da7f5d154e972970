import { isAbsolute, join } from "node:path";

/**
 * Where Node.js keeps the compiled code of layerfs: in the user's own cache, never in a shared temporary directory,
 * where another user could put code for us to run. Null where the user has none.
 */
export function compileCacheDirectory(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache, HOME: home } = env;
  // The XDG specification has relative paths ignored.
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "layerfs", "compile-cache");
  return home !== undefined && isAbsolute(home) ? join(home, ".cache", "layerfs", "compile-cache") : null;
}
