import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { readContainer } from "../../container/container.ts";
import { chainIDs } from "../../core/chain-id.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import type { LayerAddress, StorageDriver } from "../../driver/driver.ts";
import { listImageIDs, readImageConfig } from "../../image/image-db.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { type ContainerRecord, listContainerRecords } from "../../layer/container-records.ts";
import { layerDirectory } from "../../layer/layout.ts";
import { listLeases } from "../../layer/lease.ts";
import { listChainIDs, readCacheID, readLayerRecord } from "../../layer/records.ts";
import { readChain } from "../../layer/store.ts";
import type { Stores } from "../stores.ts";
import { whereItLies } from "./explain.ts";
import { layerMakers } from "./explain-history.ts";
import type { ContainerName, DirectoryExplanation, DirectoryRole, LayerUse } from "./explanation.ts";

const HEX64 = /^[0-9a-f]{64}(-init)?(\/|$)/;

/**
 * Of which layer, image, container or mount a directory of the driver is; for its forms see `Engine.explainDirectory`.
 * null: the text has no such form, or it is an image's. Fails with NOT_FOUND for a path elsewhere, and for a directory
 * that is not there and that no record names.
 */
export async function explainDirectory(stores: Stores, text: string): Promise<DirectoryExplanation | null> {
  const address = parseDirectoryName(stores.layers, text);
  if (address === null || (HEX64.test(text) && isImage(stores, text))) return null;
  return explainAddress(stores, address);
}

async function explainAddress(stores: Stores, { id, path }: LayerAddress): Promise<DirectoryExplanation> {
  const { driver, layout } = stores.layers;
  const chainID = listChainIDs(layout).find((each) => readCacheID(layerDirectory(layout, each)) === id);
  const record = chainID === undefined ? null : readLayerRecord(layout, chainID);
  const containers = listContainerRecords(layout);
  const owner = containers.find(({ mountID, initID }) => mountID === id || initID === id);
  const mount = stores.holders.list().find(({ rwLayer }) => rwLayer === id);
  const lease = listLeases(layout).find(({ cacheIDs }) => cacheIDs.includes(id));
  const isThere = await driver.exists(id);
  if (!isThere && record === null && owner === undefined && mount === undefined) {
    throw new LayerfsError("NOT_FOUND", `${driver.name} has no layer ${printable(id)}, and no record names one`);
  }
  const standing = record === null ? [] : containersOn(stores, containers, record.chainID);
  return {
    driver: driver.name,
    cacheID: id,
    role: roleOf(id, { isLayer: record !== null, owner, isMount: mount !== undefined, isLeased: lease !== undefined }),
    ...(isThere ? whereItLies(stores, id) : { directory: null, link: null }),
    layer: record === null ? null : { chainID: record.chainID, diffID: record.diffID, size: record.size },
    images: record === null ? imagesBelow(stores, owner) : imagesOn(stores, record.chainID),
    containers: (owner === undefined ? standing : [owner]).map((container) => nameContainer(stores, container.id)),
    owner: mount?.target ?? lease?.reason ?? null,
    path: path === null || path === "" ? null : `/${path}`,
  };
}

function parseDirectoryName({ driver }: Stores["layers"], text: string): LayerAddress | null {
  const isPath = isAbsolute(text) || text.startsWith("./") || text.startsWith("../");
  const inHome = isPath ? pathInHome(driver, text) : nameInHome(driver, text);
  if (inHome === null) return null;
  const address = driver.identify(inHome.replace(/\/+/g, "/").replace(/\/$/, ""));
  if (address !== null) return address;
  throw new LayerfsError("NOT_FOUND", `${printable(text)} is no layer's directory`, {
    hint: `layers lie in ${driver.home}`,
  });
}

function isImage(stores: Stores, text: string): boolean {
  try {
    resolveImage(stores.images, text);
    return true;
  } catch (error) {
    if (isLayerfsError(error)) return false;
    throw error;
  }
}

/** Only the driver's own directory is looked at on disk: what follows may be a symlink of an image. */
function pathInHome(driver: StorageDriver, text: string): string {
  const path = resolve(text);
  for (const home of [driver.home, realPath(driver.home)]) {
    if (path.startsWith(join(home, "/"))) return relative(home, path);
  }
  throw new LayerfsError("NOT_FOUND", `${printable(text)} does not lie in ${driver.home}`, {
    hint: "name the data root that it belongs to by --root",
  });
}

function nameInHome({ name, home }: StorageDriver, text: string): string | null {
  const prefix = `${name}/`;
  if (text.startsWith(prefix) && !/[:@]/.test(text)) {
    const rest = text.slice(prefix.length);
    if (HEX64.test(rest) || rest.startsWith("l/") || rest.startsWith("dir/") || existsSync(join(home, rest)))
      return rest;
  }
  if (text.startsWith("l/") && text !== text.toLowerCase()) return text;
  return HEX64.test(text) ? relative(home, join(layersDirectory(name, home), text)) : null;
}

/** Where ids are the names of directories. */
function layersDirectory(name: string, home: string): string {
  return name === "vfs" ? join(home, "dir") : home;
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

interface Found {
  readonly isLayer: boolean;
  readonly owner: ContainerRecord | undefined;
  readonly isMount: boolean;
  readonly isLeased: boolean;
}

function roleOf(id: string, { isLayer, owner, isMount, isLeased }: Found): DirectoryRole {
  if (isLayer) return "layer";
  if (owner !== undefined) return owner.mountID === id ? "container" : "container-init";
  if (isMount) return "mount";
  return isLeased ? "unfinished" : "orphan";
}

function imagesOn(stores: Stores, chainID: Digest): LayerUse[] {
  const repositories = readRepositories(stores.images);
  return listImageIDs(stores.images).flatMap((id): LayerUse[] => {
    const config = readImageConfig(stores.images, id);
    const chain = chainIDs(config?.rootfs.diffIDs ?? []);
    const index = chain.indexOf(chainID);
    if (config === null || index === -1) return [];
    const names = tagsOf(repositories, id).map(({ name }) => name);
    return [
      { id, names, index, count: chain.length, createdBy: layerMakers(config.history)[index]?.createdBy ?? null },
    ];
  });
}

/** Images whose topmost layer a container stands on: its own, and others of the same layers. */
function imagesBelow(stores: Stores, container: ContainerRecord | undefined): LayerUse[] {
  if (container === undefined || container.parent === null) return [];
  return imagesOn(stores, container.parent).filter(({ index, count }) => index === count - 1);
}

/** Containers whose image, which may be removed by now, has the layer. */
function containersOn(stores: Stores, containers: readonly ContainerRecord[], chainID: Digest): ContainerRecord[] {
  return containers.filter(({ parent }) => {
    const chain = parent === null ? null : readChain(stores.layers, parent);
    return chain?.some((layer) => layer.chainID === chainID) ?? false;
  });
}

function nameContainer(stores: Stores, id: string): ContainerName {
  return { id, name: readContainer(stores, id)?.name ?? null };
}
