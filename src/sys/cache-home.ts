import { isAbsolute, join } from "node:path";

/**
 * Where layerfs keeps what it can make anew: `layerfs` in the user's own cache directory, never in a shared temporary
 * directory, where another user could put things for us to read. Null where the user has none.
 */
export function cacheHome(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache, HOME: home } = env;
  // The XDG specification has relative paths ignored.
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "layerfs");
  return home !== undefined && isAbsolute(home) ? join(home, ".cache", "layerfs") : null;
}
