import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives the tests a cache directory of their own, with those who run them having theirs untouched. */
export default function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-test-cache-"));
  process.env.XDG_CACHE_HOME = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}
