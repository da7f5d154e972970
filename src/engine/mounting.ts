import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { readRepositories, tagsOf } from "../image/repositories.ts";
import { resolveImage } from "../image/resolve.ts";
import { createLease } from "../layer/lease.ts";
import { recover } from "../layer/remove.ts";
import { exclusively } from "../layer/store.ts";
import type { Holder } from "../mount/holders.ts";
import { mountAll, unmount } from "../mount/mounter.ts";
import type { DirectoriesMountRequest, MountRequest, MountSummary, UnmountRequest } from "./engine.ts";
import { openStoredImage, type StoredImage } from "./explain.ts";
import type { Stores } from "./stores.ts";

/**
 * Mounts an image's tree. What the mount stands on is recorded before it is made, so that no layer under it can be
 * removed; a record without a mount is dropped by the next command.
 */
export function mountImage(stores: Stores, request: MountRequest): Promise<string> {
  return exclusively(stores.layers, async () => {
    await recover(stores.layers);
    const image = openStoredImage(stores, request.image);
    const top = image.layers.at(-1);
    if (top === undefined) throw new LayerfsError("UNSUPPORTED", `image ${image.id} has no layers to mount`);
    const id = randomBytes(32).toString("hex");
    const target = request.target === undefined ? ownTarget(stores, id) : givenTarget(request.target);
    try {
      await (request.readWrite
        ? mountReadWrite(stores, image, top.cacheID, id, target)
        : mountReadOnly(stores, image, top.cacheID, id, target));
      return target;
    } catch (error) {
      if (request.target === undefined) rmdirSync(target);
      throw error;
    }
  });
}

export async function mountDirectories(request: DirectoriesMountRequest): Promise<void> {
  const { upper, work } = request;
  if ((upper === undefined) !== (work === undefined)) {
    throw new LayerfsError("USAGE", "an upper directory needs a work directory beside it, and the reverse", {
      hint: "give both --upper and --work; the work directory must be empty and on the upper's file system",
    });
  }
  const directories =
    upper !== undefined && work !== undefined ? { directory: givenTarget(upper), work: givenTarget(work) } : null;
  const lowers = request.lowers.map(givenTarget);
  const target = givenTarget(request.target);
  if (directories === null && lowers.length === 1) {
    mountAll([{ kind: "bind", source: lowers[0] as string, target, readOnly: true }]);
    return;
  }
  mountAll([{ kind: "overlay", target, lowers, options: [], ...(directories === null ? {} : { upper: directories }) }]);
}

export function unmountTarget(stores: Stores, request: UnmountRequest): Promise<void> {
  return exclusively(stores.layers, async () => {
    const holder = findHolder(stores, request.target);
    if (holder === null) {
      unmount(resolve(request.target));
      return;
    }
    if (holder.rwLayer !== undefined) refuseLoss(stores, holder, request.discard === true);
    if (stores.holders.isMounted(holder)) unmount(holder.target);
    stores.holders.remove(holder.id);
    if (holder.rwLayer !== undefined) await stores.layers.driver.remove(holder.rwLayer);
    if (holder.target === targetOf(stores, holder.id)) rmdirSync(holder.target);
    await recover(stores.layers);
  });
}

export function listMounts(stores: Stores): MountSummary[] {
  const repositories = readRepositories(stores.images);
  return stores.holders.list().map((holder) => ({
    target: holder.target,
    image: { id: holder.imageID, name: tagsOf(repositories, holder.imageID)[0]?.name ?? null },
    readWrite: holder.rwLayer !== undefined,
    mounted: stores.holders.isMounted(holder),
  }));
}

function mountReadOnly(stores: Stores, image: StoredImage, top: string, id: string, target: string): void {
  const plan = stores.layers.driver.plan(top, { target, readOnly: true });
  stores.holders.add({ id, target, imageID: image.id, layers: image.layers.map(({ cacheID }) => cacheID) });
  try {
    mountAll(plan);
  } catch (error) {
    stores.holders.remove(id);
    throw error;
  }
}

/** The read-write layer is named by a lease until the mount's own record names it. */
async function mountReadWrite(
  stores: Stores,
  image: StoredImage,
  top: string,
  id: string,
  target: string,
): Promise<void> {
  const { driver, layout } = stores.layers;
  using _lease = createLease(layout, { reason: `mount --rw ${image.id}`, chainIDs: [], making: [], cacheIDs: [id] });
  try {
    await driver.create(id, top, { readWrite: true });
    const layers = image.layers.map(({ cacheID }) => cacheID);
    stores.holders.add({ id, target, imageID: image.id, layers: [...layers, id], rwLayer: id });
    mountAll(driver.plan(id, { target, readOnly: false }));
  } catch (error) {
    stores.holders.remove(id);
    await driver.remove(id);
    throw error;
  }
}

/** Changes are the user's: they go only when the user says so. */
function refuseLoss(stores: Stores, holder: Holder, discard: boolean): void {
  if (discard || holder.rwLayer === undefined) return;
  const { driver } = stores.layers;
  const { directory } = driver.place(holder.rwLayer);
  if (driver.traits.layerForm === "overlay-dir" && readdirSync(directory).length === 0) return;
  throw new LayerfsError("CONFLICT", `${holder.target}: unmounting throws away the changes that were made in it`, {
    hint: `keep them with \`layerfs diff-tar\`, or give --discard; they lie in ${directory}`,
  });
}

function findHolder(stores: Stores, text: string): Holder | null {
  const target = resolve(text);
  const holders = stores.holders.list();
  const byTarget = holders.find((holder) => holder.target === target);
  if (byTarget !== undefined || text.startsWith("/") || text.startsWith(".")) return byTarget ?? null;
  const { id } = resolveImage(stores.images, text);
  const ofImage = holders.filter(({ imageID }) => imageID === id);
  if (ofImage.length > 1) {
    throw new LayerfsError("AMBIGUOUS", `image ${text} is mounted ${ofImage.length} times`, {
      hint: `name the directory: ${ofImage.map((holder) => holder.target).join(", ")}`,
    });
  }
  if (ofImage[0] === undefined) throw new LayerfsError("NOT_FOUND", `image ${text} is not mounted`);
  return ofImage[0];
}

function targetOf(stores: Stores, id: string): string {
  return join(stores.layers.layout.own, "mnt", id.slice(0, 12));
}

function ownTarget(stores: Stores, id: string): string {
  const target = targetOf(stores, id);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  return target;
}

function givenTarget(path: string): string {
  const absolute = resolve(path);
  const stat = statSync(absolute, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return absolute;
  throw new LayerfsError("NOT_FOUND", `${absolute} is ${stat === undefined ? "not there" : "no directory"}`, {
    hint: `make it first: mkdir -p ${absolute}`,
  });
}
