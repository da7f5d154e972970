import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonRecord } from "../core/json-record.ts";
import { type ContainerRecord, containersOfLayers, writeContainerRecord } from "../layer/container-records.ts";
import { readLeases } from "../layer/lease.ts";
import { makeWorkDirectory } from "../layer/register.ts";
import { fsyncDirectory, publishDirectory, publishSynced, writeFileDurably } from "../sys/durable.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { CONTAINER_FILES, type ContainerStore, containersDirectory } from "./container.ts";
import { removeNotedVolumes } from "./volumes.ts";

/** A container whose layers are made, on its way into the store. */
export interface NewContainer {
  readonly layer: ContainerRecord;
  readonly document: JsonRecord;
  readonly hostConfig: JsonRecord;
}

/**
 * Makes a container visible with one rename, after its layers' record. The caller holds the exclusive lock, and a lease
 * that names its layers.
 */
export function publishContainer(store: ContainerStore, workName: string, container: NewContainer): void {
  const { layout } = store.layers;
  const { id } = container.layer;
  const mount = join(layout.tmp, mountWork(workName));
  makeWorkDirectory(mount, 0o755);
  writeContainerRecord(mount, container.layer);
  const directory = join(layout.tmp, containerWork(workName));
  makeWorkDirectory(directory, 0o710);
  mkdirSync(join(directory, "checkpoints"), 0o700);
  writeFileSync(join(directory, CONTAINER_FILES.config), line(container.document), { mode: 0o600 });
  writeFileSync(join(directory, CONTAINER_FILES.hostConfig), line(container.hostConfig), { mode: 0o644 });
  makeDirectories(layout.mounts, 0o755);
  makeDirectories(containersDirectory(store), 0o710);
  publishDirectory(mount, join(layout.mounts, id));
  // Both were written before the sync of the first.
  publishSynced(directory, join(containersDirectory(store), id));
}

/** Replaces a container's `config.v2.json`, whole at every instant. The caller holds the exclusive lock. */
export function writeConfigDocument(store: ContainerStore, id: string, document: JsonRecord): void {
  const path = join(containersDirectory(store), id, CONTAINER_FILES.config);
  writeFileDurably(path, line(document), { mode: 0o600 });
}

/** Takes a container out of sight, then its layers' record. The caller as for `publishContainer`. */
export function hideContainer(store: ContainerStore, workName: string, id: string): void {
  const directory = join(containersDirectory(store), id);
  if (existsSync(directory)) {
    renameSync(directory, join(store.layers.layout.tmp, containerWork(workName)));
    fsyncDirectory(containersDirectory(store));
  }
  hideLayerRecord(store, workName, id);
}

/** What `hideContainer` has put aside. Without it the next command deletes it, once the lease is stale. */
export function deleteHidden({ layers: { layout } }: ContainerStore, workName: string): void {
  for (const name of [containerWork(workName), mountWork(workName)]) {
    rmSync(join(layout.tmp, name), { recursive: true, force: true });
  }
}

/**
 * Takes away what is visible of containers that a crash kept from being made or left half removed, with volumes that were
 * made for them. What becomes of their layers and of what was written aside is the business of the leases that name them
 * (`recover`). The caller holds the exclusive lock.
 */
export function hideHalfMadeContainers(store: ContainerStore): void {
  const { layout } = store.layers;
  for (const { workName, cacheIDs } of readLeases(layout).stale) {
    const isWhole = (id: string): boolean => existsSync(join(containersDirectory(store), id));
    const halfMade =
      cacheIDs.length === 0 ? [] : containersOfLayers(layout, new Set(cacheIDs)).filter((id) => !isWhole(id));
    for (const id of halfMade) hideLayerRecord(store, workName, id);
    removeNotedVolumes(store, workName, isWhole);
  }
}

function hideLayerRecord({ layers: { layout } }: ContainerStore, workName: string, id: string): void {
  const directory = join(layout.mounts, id);
  if (!existsSync(directory)) return;
  renameSync(directory, join(layout.tmp, mountWork(workName)));
  fsyncDirectory(layout.mounts);
}

function containerWork(workName: string): string {
  return `${workName}-container`;
}

function mountWork(workName: string): string {
  return `${workName}-mount`;
}

/** As Go's encoder ends it. */
function line(document: JsonRecord): string {
  return `${JSON.stringify(document)}\n`;
}
