import { join } from "node:path";
import { listContainers } from "../../container/container.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { isLayerID } from "../../driver/layer-id.ts";
import { metadataPath } from "../../image/layout.ts";
import { allTags, readRepositories } from "../../image/repositories.ts";
import { type ContainerRecord, readContainerRecord } from "../../layer/container-records.ts";
import { layerDirectory } from "../../layer/layout.ts";
import { listLeases } from "../../layer/lease.ts";
import { listChainIDs, listRemoving, readCacheID, readNames, readParent } from "../../layer/records.ts";
import { isPresent } from "../../sys/plain-path.ts";
import { readIfThere } from "../../sys/read-if-there.ts";
import type { Stores } from "../stores.ts";
import type { Findings } from "./findings.ts";

const HEX64 = /^[0-9a-f]{64}$/;

/** Names of images that are not there. */
export function checkNames({ images }: Stores, ids: ReadonlySet<Digest>, findings: Findings): void {
  const repositories = findings.attempt(() => readRepositories(images));
  for (const { name, id } of allTags(repositories ?? new Map())) {
    if (ids.has(id)) continue;
    findings.add(
      {
        path: Buffer.from(images.repositories),
        onDisk: true,
        what: `name ${printable(name)}`,
        expected: `image ${id}`,
        found: "no such image",
        hint: "load or pull the image again, or give the name to another one by `layerfs tag`",
      },
      [name],
    );
  }
}

/**
 * What containers stand on, as their records tell: one list of chainIDs a container, lowest first, null where it is not known. What dockerd keeps of a
 * container without a record of its layers is told, and records whose directories are gone.
 */
export function checkContainers(stores: Stores, findings: Findings): (Digest[] | null)[] {
  const { layout } = stores.layers;
  const home = join(stores.root, "containers");
  for (const { id } of listContainers(stores)) {
    const record = join(layout.mounts, id);
    if (isPresent(record) || !isPresent(join(home, id))) continue;
    findings.add({
      what: `container ${id}: the record of its layers, ${record}, is missing`,
      hint: "dockerd drops this container; restore the record, or remove the container",
    });
  }
  return readNames(layout.mounts).map((id) => {
    if (!isPresent(join(home, id))) addUnreferenced(findings, join(layout.mounts, id), "record of no container");
    const record = findings.attempt(() => readContainerRecord(layout, id));
    if (record === null) return null;
    checkDirectories(stores, record, findings);
    return findings.attempt(() => chainOf(stores, record.parent));
  });
}

function checkDirectories({ layers }: Stores, { id, mountID, initID }: ContainerRecord, findings: Findings): void {
  const { driver, layout } = layers;
  const wanted = [
    ["mount-id", mountID],
    ["init-id", initID],
  ] as const;
  for (const [field, layer] of wanted) {
    if (layer === null && field === "init-id") continue;
    const path = join(layout.mounts, id, field);
    findings.attempt(() => {
      if (layer === null || !isLayerID(layer)) {
        const found = layer === null ? "is missing" : `holds ${JSON.stringify(layer.slice(0, 80))}`;
        throw new LayerfsError("CORRUPT_STORE", `container ${id}: ${path} ${found}`, { hint: LOST });
      }
      try {
        driver.place(layer);
      } catch (error) {
        if (!isLayerfsError(error, "NOT_FOUND") && !isLayerfsError(error, "CORRUPT_STORE")) throw error;
        throw new LayerfsError("CORRUPT_STORE", `container ${id}: its files are missing: ${error.message}`, {
          hint: LOST,
        });
      }
    });
  }
}

const LOST = "what the container has written is lost or cannot be reached; remove the container";

function chainOf({ layers }: Stores, top: Digest | null): Digest[] {
  const chain: Digest[] = [];
  for (let next = top; next !== null; next = readParent(layers.layout, next)) chain.unshift(next);
  return chain;
}

/** Records and directories that nothing needs: `used` are the layers of all images and containers. */
export async function checkUnreferenced(stores: Stores, used: ReadonlySet<Digest>, findings: Findings): Promise<void> {
  const { layout } = stores.layers;
  const leases = listLeases(layout);
  const leased = new Set(leases.flatMap(({ chainIDs }) => chainIDs));
  for (const chainID of listChainIDs(layout)) {
    if (used.has(chainID) || leased.has(chainID)) continue;
    addUnreferenced(findings, layerDirectory(layout, chainID), "record of a layer that no image has", chainID);
  }
  for (const path of listRemoving(layout)) addUnreferenced(findings, path, "record whose removal was interrupted");
  for (const name of readNames(stores.images.metadata).filter((id) => HEX64.test(id))) {
    if (isPresent(join(stores.images.content, name))) continue;
    addUnreferenced(findings, metadataPath(stores.images, `sha256:${name}` as Digest), "what is noted of no image");
  }
  await checkUnusedDirectories(stores, new Set(leases.flatMap(({ cacheIDs }) => cacheIDs)), findings);
}

async function checkUnusedDirectories(stores: Stores, leased: ReadonlySet<string>, findings: Findings): Promise<void> {
  const { driver, layout } = stores.layers;
  const named = new Set<string | null | undefined>(leased);
  for (const chainID of listChainIDs(layout)) named.add(readCacheID(layerDirectory(layout, chainID)));
  for (const id of readNames(layout.mounts)) {
    for (const field of ["mount-id", "init-id"]) named.add(readIfThere(join(layout.mounts, id, field)));
  }
  for (const { rwLayer } of stores.holders.list()) named.add(rwLayer);
  for (const path of listRemoving(layout)) named.add(readCacheID(path));
  for (const id of await driver.list()) {
    if (!named.has(id)) addUnreferenced(findings, directoryOf(stores, id), "directory that no record names");
  }
  for (const name of readNames(join(driver.home, "l"))) {
    const id = driver.identify(`l/${name}`)?.id ?? null;
    if (id === null || !(await driver.exists(id)))
      addUnreferenced(findings, join(driver.home, "l", name), "short name of no directory");
  }
}

function directoryOf({ layers: { driver } }: Stores, id: string): string {
  return driver.name === "vfs" ? join(driver.home, "dir", id) : join(driver.home, id);
}

function addUnreferenced(findings: Findings, path: string, what: string, chainID: Digest | null = null): void {
  findings.add(
    {
      ...{ kind: "unreferenced", chainID, path: Buffer.from(path), onDisk: true, what: `${path}: ${what}` },
      hint: "nothing refers to it, and it does no harm; dockerd's build cache may use what no record names",
    },
    [],
  );
}
