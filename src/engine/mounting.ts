import { randomBytes } from "node:crypto";
import { rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseDigest } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { readRepositories, tagsOf } from "../image/repositories.ts";
import { resolveImage } from "../image/resolve.ts";
import { createLease } from "../layer/lease.ts";
import { exclusively } from "../layer/store.ts";
import { placeOf } from "../layer/whole.ts";
import { type MountRecord, staleness } from "../mount/holders.ts";
import { mountAll, unmount } from "../mount/mounter.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { DirectoriesMountRequest, MountRequest, MountSummary, UnmountRequest } from "./engine.ts";
import { dropHolder, hasChanges, ownTargets, recoverAll } from "./recover.ts";
import { openStoredImage, type StoredImage } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/**
 * Mounts an image's tree. What the mount stands on is recorded before it is made, so that no layer under it can be
 * removed; a record without a mount is dropped by the next command.
 */
export function mountImage(stores: Stores, request: MountRequest): Promise<string> {
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const image = openStoredImage(stores, request.image);
    const top = image.layers.at(-1);
    if (top === undefined) throw new LayerfsError("UNSUPPORTED", `image ${image.id} has no layers to mount`);
    for (const layer of image.layers) placeOf(stores.layers, layer);
    const target = request.target === undefined ? makeOwnTarget(stores) : givenDirectory(request.target);
    try {
      await (request.readWrite ? mountReadWrite : mountReadOnly)(stores, image, top.cacheID, target);
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
    upper !== undefined && work !== undefined ? { directory: givenDirectory(upper), work: givenDirectory(work) } : null;
  const lowers = request.lowers.map(givenDirectory);
  const target = givenDirectory(request.target);
  const [only] = lowers;
  if (only === undefined) throw new LayerfsError("USAGE", "a union needs at least one lower directory");
  if (directories === null && lowers.length === 1) {
    await mountAll([{ kind: "bind", source: only, target, readOnly: true }]);
    return;
  }
  await mountAll([
    { kind: "overlay", target, lowers, options: [], ...(directories === null ? {} : { upper: directories }) },
  ]);
}

export function unmountTarget(stores: Stores, request: UnmountRequest): Promise<void> {
  return exclusively(stores.layers, async () => {
    const holder = findHolder(stores, request.target);
    if (holder === null) {
      await unmount(resolve(request.target));
      return;
    }
    if (request.discard !== true) await refuseLoss(stores, holder);
    if (staleness(holder) === null) await unmount(holder.target);
    await dropHolder(stores, holder);
    await recoverAll(stores);
  });
}

export function listMounts(stores: Stores): MountSummary[] {
  const repositories = readRepositories(stores.images);
  return stores.holders.list().map((holder) => {
    const id = holder.subject === undefined ? null : parseDigest(holder.subject);
    return {
      target: holder.target,
      image: id === null ? null : { id, name: tagsOf(repositories, id)[0]?.name ?? null },
      readWrite: holder.rwLayer !== undefined,
      mounted: staleness(holder) === null,
    };
  });
}

async function mountReadOnly(stores: Stores, image: StoredImage, top: string, target: string): Promise<void> {
  const plan = stores.layers.driver.plan(top, { target, readOnly: true });
  const layers = image.layers.map(({ cacheID }) => cacheID);
  const holder = stores.holders.add({ target, kind: "image", subject: image.id, layers });
  try {
    await mountAll(plan);
  } catch (error) {
    stores.holders.remove(holder.id);
    throw error;
  }
}

/** The read-write layer is named by a lease until the mount's own record names it. */
async function mountReadWrite(stores: Stores, image: StoredImage, top: string, target: string): Promise<void> {
  const { driver, layout } = stores.layers;
  const rwLayer = randomBytes(32).toString("hex");
  using _lease = createLease(layout, {
    reason: `mount --rw ${image.id}`,
    chainIDs: [],
    making: [],
    cacheIDs: [rwLayer],
  });
  await driver.create(rwLayer, top, { readWrite: true });
  const layers = [...image.layers.map(({ cacheID }) => cacheID), rwLayer];
  const holder = stores.holders.add({ target, kind: "image", subject: image.id, layers, rwLayer });
  try {
    await mountAll(driver.plan(rwLayer, { target, readOnly: false }));
  } catch (error) {
    stores.holders.remove(holder.id);
    await driver.remove(rwLayer);
    throw error;
  }
}

/** Changes are the user's: they go only when the user says so. */
async function refuseLoss(stores: Stores, holder: MountRecord): Promise<void> {
  if (holder.rwLayer === undefined || !(await hasChanges(stores, holder))) return;
  const { directory } = stores.layers.driver.place(holder.rwLayer);
  throw new LayerfsError("CONFLICT", `${holder.target}: unmounting throws away the changes that were made in it`, {
    hint: `keep them with \`layerfs diff-tar\`, or give --discard; they lie in ${directory}`,
  });
}

function findHolder(stores: Stores, text: string): MountRecord | null {
  const target = resolve(text);
  const holders = stores.holders.list();
  const byTarget = holders.find((holder) => holder.target === target);
  if (byTarget !== undefined || text.startsWith("/") || text.startsWith(".")) return byTarget ?? null;
  const { id } = resolveImage(stores.images, text);
  const ofImage = holders.filter(({ subject }) => subject === id);
  if (ofImage.length > 1) {
    throw new LayerfsError("AMBIGUOUS", `image ${text} is mounted ${ofImage.length} times`, {
      hint: `name the directory: ${ofImage.map((holder) => holder.target).join(", ")}`,
    });
  }
  if (ofImage[0] === undefined) throw new LayerfsError("NOT_FOUND", `image ${text} is not mounted`);
  return ofImage[0];
}

function makeOwnTarget(stores: Stores): string {
  const target = join(ownTargets(stores), randomBytes(6).toString("hex"));
  makeDirectories(target, 0o700);
  return target;
}

function givenDirectory(path: string): string {
  const absolute = resolve(path);
  const stat = statSync(absolute, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return absolute;
  throw new LayerfsError("NOT_FOUND", `${absolute} is ${stat === undefined ? "not there" : "no directory"}`, {
    hint: `make it first: mkdir -p ${absolute}`,
  });
}
