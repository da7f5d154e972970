import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { plainRoot } from "../sys/plain-path.ts";

/** The data root: as given, else LAYERFS_ROOT, else /var/lib/layerfs for root and the XDG data directory for others. */
export function dataRoot(given: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const chosen = given ?? env.LAYERFS_ROOT;
  if (chosen !== undefined && chosen !== "") return plainRoot(resolve(chosen));
  if (process.geteuid?.() === 0) return plainRoot("/var/lib/layerfs");
  return plainRoot(join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "layerfs"));
}
