import { chainIDs } from "../core/chain-id.ts";
import { configPlatform, type HistoryEntry } from "../core/config.ts";
import type { Digest } from "../core/digest.ts";
import { formatPlatform } from "../core/platform.ts";
import type { MountStep } from "../driver/plan.ts";
import { listImageIDs, readWholeConfig } from "../image/image-db.ts";
import { readRepositories, tagsOf } from "../image/repositories.ts";
import type { LayerRecord } from "../layer/records.ts";
import { placeOf } from "../layer/whole.ts";
import type { Explanation, LayerSummary } from "./engine.ts";
import { type StoredImage, whileThere } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/** The whole way from a name to the directories on disk. */
export function explain(stores: Stores, text: string): Promise<Explanation> {
  return whileThere(stores, text, (image) => explainStored(stores, image));
}

function explainStored(stores: Stores, { id, config, layers }: StoredImage): Explanation {
  const repositories = readRepositories(stores.images);
  const makers = layerMakers(config.history);
  const users = layerUsers(stores, id);
  const { driver } = stores.layers;
  const top = layers.at(-1);
  return {
    id,
    names: tagsOf(repositories, id).map(({ name }) => name),
    created: config.created ?? null,
    platform: formatPlatform(configPlatform(config)),
    driver: driver.name,
    layers: layers.map((layer, index) => summarise(stores, layer, makers[index], users)),
    mountCommand:
      top === undefined
        ? ""
        : driver.plan(top.cacheID, { target: "TARGET", readOnly: true }).map(asCommand).join(" && "),
  };
}

function summarise(
  stores: Stores,
  layer: LayerRecord,
  maker: HistoryEntry | undefined,
  users: ReadonlyMap<Digest, readonly string[]>,
): LayerSummary {
  const { chainID, diffID, parent, cacheID, size } = layer;
  const { directory } = placeOf(stores.layers, layer);
  const createdBy = maker?.createdBy ?? null;
  return { chainID, diffID, parent, cacheID, size, directory, createdBy, sharedWith: users.get(chainID) ?? [] };
}

/** The history entries that made a layer, lowest first. */
function layerMakers(history: readonly HistoryEntry[]): HistoryEntry[] {
  return history.filter(({ emptyLayer }) => !emptyLayer);
}

/** For each chainID, how the images besides `except` that stand on it are called. */
function layerUsers(stores: Stores, except: Digest): Map<Digest, string[]> {
  const repositories = readRepositories(stores.images);
  const users = new Map<Digest, string[]>();
  for (const id of listImageIDs(stores.images)) {
    if (id === except) continue;
    const names = tagsOf(repositories, id).map(({ name }) => name);
    for (const chainID of chainIDs(readWholeConfig(stores.images, id)?.rootfs.diffIDs ?? [])) {
      users.set(chainID, [...(users.get(chainID) ?? []), ...(names.length > 0 ? names : [id])]);
    }
  }
  return users;
}

function asCommand(step: MountStep): string {
  if (step.kind === "bind") return `mount --bind ${step.readOnly ? "-o ro " : ""}${step.source} ${step.target}`;
  const { lowers, upper, options, target } = step;
  const layers = [`lowerdir=${lowers.join(":")}`];
  if (upper !== undefined) layers.push(`upperdir=${upper.directory}`, `workdir=${upper.work}`);
  const all = [...(upper === undefined ? ["ro"] : []), ...layers, ...options];
  return `mount -t overlay overlay -o ${all.join(",")} ${target}`;
}
