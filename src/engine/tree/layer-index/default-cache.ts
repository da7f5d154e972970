import { cacheHome } from "../../../sys/cache-home.ts";
import { type IndexCache, indexCache } from "./cache.ts";

/** The cache in a directory; by default in the user's own one. null: none, also where the user has no such directory. */
export function openCache(directory: string | null | undefined): IndexCache | null {
  const chosen = directory === undefined ? cacheHome(process.env) : directory;
  return chosen === null ? null : indexCache(chosen);
}
