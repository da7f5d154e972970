import { chainIDs } from "../../core/chain-id.ts";
import { configPlatform } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import { formatPlatform } from "../../core/platform.ts";
import { readRegistryBlobs } from "../../image/distribution.ts";
import { listImageIDs, readWholeConfig } from "../../image/image-db.ts";
import { type ImageTag, isDigestName, readRepositories, tagsOf } from "../../image/repositories.ts";
import type { LayerRecord } from "../../layer/records.ts";
import { placeOf } from "../../layer/whole.ts";
import { isThere, type StoredImage, whileThere } from "../images/stored-image.ts";
import type { Stores } from "../stores.ts";
import { storedEntries } from "../tree/stored-entries.ts";
import { layerMakers } from "./explain-history.ts";
import { explainPath } from "./explain-path.ts";
import type { Explanation, LayerSummary } from "./explanation.ts";
import { mountCommand, shortMountCommand } from "./mount-command.ts";

/** The kernel takes one page of mount options (mount(2)); what goes beyond it fails. */
const MAX_COMMAND = 4096;

/**
 * The whole way from a name to the directories on disk. What the driver has lost is told in `problems`, for that is
 * when one asks. Fails as `openStoredImage`, and with NOT_FOUND for a path that no layer has.
 */
export function explain(stores: Stores, text: string, path: Buffer | null): Promise<Explanation> {
  return whileThere(stores, text, async (image) => {
    const explanation = await explainStored(stores, image, path);
    const [problem] = explanation.problems;
    // Directories are also missing of an image that is just being removed.
    if (problem !== undefined && !isThere(stores, image)) throw new LayerfsError("CORRUPT_STORE", problem);
    return explanation;
  });
}

async function explainStored(
  stores: Stores,
  { id, config, layers }: StoredImage,
  path: Buffer | null,
): Promise<Explanation> {
  const names = tagsOf(readRepositories(stores.images), id);
  const makers = layerMakers(config.history);
  const users = layerUsers(stores, id);
  const problems: string[] = [];
  const summaries = layers.map((layer, index): LayerSummary => {
    const { chainID, diffID, parent, cacheID, size } = layer;
    return {
      ...{ chainID, diffID, parent, cacheID, size, storedSize: null },
      ...placeOfLayer(stores, layer, problems),
      createdBy: makers[index]?.createdBy ?? null,
      sharedWith: users.get(chainID) ?? [],
    };
  });
  return {
    source: null,
    id,
    names: names.filter((tag) => !isDigestName(tag)).map(({ name }) => name),
    manifests: names.filter(isDigestName).map(({ name }) => name),
    created: config.created ?? null,
    platform: formatPlatform(configPlatform(config)),
    driver: stores.layers.driver.name,
    layers: summaries,
    ...mountCommands(stores, summaries, problems),
    problems: [...new Set(problems)],
    path:
      path === null
        ? null
        : await explainPath(
            layers.map(
              ({ tarSplit }) =>
                () =>
                  storedEntries(tarSplit),
            ),
            path,
          ),
  };
}

/** Where a layer lies; what is missing or damaged is added to `problems`, one sentence each. */
export function placeOfLayer(
  { layers, images }: Stores,
  layer: LayerRecord,
  problems: string[],
): Pick<LayerSummary, "directory" | "link" | "blobs"> {
  return {
    directory: unlessBroken(() => placeOf(layers, layer).directory, problems),
    link: unlessBroken(() => layers.driver.shortPath(layer.cacheID), problems),
    blobs: unlessBroken(() => readRegistryBlobs(images, layer.diffID), problems) ?? [],
  };
}

/** A directory of the driver and its short name, whether a record names it or not; null for what is missing. */
export function whereItLies(
  { layers: { driver } }: Stores,
  cacheID: string,
): { readonly directory: string | null; readonly link: string | null } {
  return {
    directory: unlessBroken(() => driver.place(cacheID).directory, []),
    link: unlessBroken(() => driver.shortPath(cacheID), []),
  };
}

function mountCommands(
  { layers: { driver } }: Stores,
  layers: readonly LayerSummary[],
  problems: string[],
): Pick<Explanation, "mountCommand" | "shortMountCommand"> {
  const top = layers.at(-1)?.cacheID ?? null;
  const plan =
    top === null ? null : unlessBroken(() => driver.plan(top, { target: "TARGET", readOnly: true }), problems);
  if (plan === null) return { mountCommand: null, shortMountCommand: null };
  const shortPaths = new Map(
    layers.flatMap(({ directory, link }) => (directory === null || link === null ? [] : [[directory, link] as const])),
  );
  const [step] = plan;
  const long = plan.map(mountCommand).join(" && ");
  const short = step === undefined || plan.length > 1 ? null : shortMountCommand(step, driver.home, shortPaths);
  return { mountCommand: long.length > MAX_COMMAND ? (short ?? long) : long, shortMountCommand: short };
}

function unlessBroken<T>(read: () => T, problems: string[]): T | null {
  try {
    return read();
  } catch (error) {
    if (!isLayerfsError(error, "CORRUPT_STORE") && !isLayerfsError(error, "NOT_FOUND")) throw error;
    problems.push(error.message);
    return null;
  }
}

/** For each chainID, how the images besides `except` that stand on it are called. */
export function layerUsers(stores: Stores, except: Digest | null): Map<Digest, string[]> {
  const repositories = readRepositories(stores.images);
  const users = new Map<Digest, string[]>();
  for (const id of listImageIDs(stores.images)) {
    if (id === except) continue;
    const names = userNames(id, tagsOf(repositories, id));
    for (const chainID of chainIDs(readWholeConfig(stores.images, id)?.rootfs.diffIDs ?? [])) {
      users.set(chainID, [...(users.get(chainID) ?? []), ...names]);
    }
  }
  return users;
}

/** Its tags; names by digest, or the id, where it has none. */
function userNames(id: Digest, tags: readonly ImageTag[]): readonly string[] {
  const ofTags = tags.filter((tag) => !isDigestName(tag));
  const shown = ofTags.length > 0 ? ofTags : tags;
  return shown.length > 0 ? shown.map(({ name }) => name) : [id];
}
