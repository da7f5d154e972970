import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { exchangeDirectories, publishDirectory } from "../sys/durable.ts";
import { layerDirectory } from "./layout.ts";
import { type LayerRecord, RECORD_FILES } from "./records.ts";
import type { LayerStore } from "./store.ts";

/**
 * Makes a finished layer visible: its record is written aside in `workDirectory` (where tar-split lies already),
 * synced with the layer's files in one go, and renamed into place. Modes are Docker's. Returns whether a damaged record
 * was in its place, which then lies in `workDirectory`.
 */
export function registerLayer(
  store: LayerStore,
  workDirectory: string,
  record: Omit<LayerRecord, "tarSplit">,
): boolean {
  const field = (name: string, text: string): void => writeFileSync(join(workDirectory, name), text, { mode: 0o644 });
  field(RECORD_FILES.cacheID, record.cacheID);
  field(RECORD_FILES.diff, record.diffID);
  field(RECORD_FILES.size, String(record.size));
  if (record.parent !== null) field(RECORD_FILES.parent, record.parent);
  const place = layerDirectory(store.layout, record.chainID);
  if (existsSync(place)) {
    exchangeDirectories(workDirectory, place);
    return true;
  }
  publishDirectory(workDirectory, place);
  return false;
}

/** A directory that will become a record, empty whatever an earlier attempt left there. `mode` is exact. */
export function makeWorkDirectory(path: string, mode = 0o700): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  chmodSync(path, mode);
}

/** Takes a record out of sight before anything of the layer is removed. Returns where it is now. */
export function hideRecord(store: LayerStore, record: Pick<LayerRecord, "chainID">, random: string): string {
  const place = layerDirectory(store.layout, record.chainID);
  const hidden = join(dirname(place), `${basename(place)}-${random}-removing`);
  renameSync(place, hidden);
  return hidden;
}
