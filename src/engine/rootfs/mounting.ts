import { randomBytes } from "node:crypto";
import { rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Digest, parseDigest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { createLease } from "../../layer/lease.ts";
import { exclusively } from "../../layer/store.ts";
import { placeOf } from "../../layer/whole.ts";
import { type MountRecord, staleness } from "../../mount/holders.ts";
import { mountAll, unmount } from "../../mount/mounter.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { DirectoriesMountRequest, MountRequest, MountSummary, UnmountRequest } from "../engine.ts";
import { openStoredImage, type StoredImage } from "../images/stored-image.ts";
import { dropHolder, hasChanges, ownTargets, recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

/**
 * Mounts an image's tree. What the mount stands on is recorded before it is made, so that no layer under it can be
 * removed; a record without a mount is dropped by the next command.
 */
export function mountImage(stores: Stores, request: MountRequest): Promise<string> {
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const { image, top } = openMountable(stores, request.image);
    const target = request.target === undefined ? makeOwnTarget(stores) : givenDirectory(request.target);
    try {
      await (request.readWrite ? mountReadWrite : mountReadOnly)(stores, image, top, target);
      return target;
    } catch (error) {
      if (request.target === undefined) rmdirSync(target);
      throw error;
    }
  });
}

/**
 * Mounts an image of a root that must not be changed: a dockerd runs on it, or its file system is read-only. Nothing
 * records the mount, so nothing keeps that dockerd from removing the image's layers under it. Read-only, and where the
 * user says: READ_ONLY without a target.
 */
export async function mountUnrecorded(stores: Stores, { image, target }: MountRequest): Promise<string> {
  const { top } = openMountable(stores, image);
  if (target === undefined) {
    throw new LayerfsError("READ_ONLY", `${stores.root} cannot be changed now, so it has no place to mount on`, {
      hint: `name one: layerfs mount ${printable(image)} DIR`,
    });
  }
  const directory = givenDirectory(target);
  await mountAll(stores.layers.driver.plan(top, { target: directory, readOnly: true }));
  return directory;
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

/** Returns the directory, which for one that nothing records is the target as an absolute path. */
export function unmountTarget(stores: Stores, request: UnmountRequest): Promise<string> {
  return exclusively(stores.layers, async () => {
    const holder = findHolder(stores, request.target);
    if (holder === null) return unmountPlain(request.target);
    if (request.discard !== true) await refuseLoss(stores, holder);
    if (staleness(holder) === null) await unmount(holder.target);
    await dropHolder(stores, holder);
    await recoverAll(stores);
    return holder.target;
  });
}

/** The same on a root that must not be changed; null, and nothing done, for a mount that has a read-write layer there. */
export async function unmountUnrecorded(stores: Stores, request: UnmountRequest): Promise<string | null> {
  const holder = findHolder(stores, request.target);
  return holder?.rwLayer === undefined ? unmountPlain(holder?.target ?? request.target) : null;
}

async function unmountPlain(text: string): Promise<string> {
  const target = resolve(text);
  await unmount(target);
  return target;
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

/** An image all of whose layers are there, and the driver's id of the topmost. */
function openMountable(stores: Stores, text: string): { readonly image: StoredImage; readonly top: string } {
  const image = openStoredImage(stores, text);
  const top = image.layers.at(-1);
  if (top === undefined) throw new LayerfsError("UNSUPPORTED", `image ${image.id} has no layers to mount`);
  for (const layer of image.layers) placeOf(stores.layers, layer);
  return { image, top: top.cacheID };
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

/** The record of the mount that `text` names, null for a directory without one. Fails with NOT_FOUND or AMBIGUOUS. */
function findHolder(stores: Stores, text: string): MountRecord | null {
  const target = resolve(text);
  const holders = stores.holders.list();
  const byTarget = holders.find((holder) => holder.target === target);
  if (byTarget !== undefined || /^\.{0,2}\//.test(text)) return byTarget ?? null;
  const id = imageNamed(stores, text);
  const [ofImage, ...others] = holders.filter(({ subject }) => id !== null && subject === id);
  if (ofImage === undefined) {
    const message = `${printable(text)} is neither the directory of a mount nor an image that is mounted`;
    throw new LayerfsError("NOT_FOUND", message, { hint: "`layerfs mount` lists the mounts" });
  }
  if (others.length === 0) return ofImage;
  throw new LayerfsError("AMBIGUOUS", `image ${printable(text)} is mounted ${others.length + 1} times`, {
    hint: `name the directory: ${[ofImage, ...others].map((holder) => holder.target).join(", ")}`,
  });
}

function imageNamed(stores: Stores, text: string): Digest | null {
  try {
    return resolveImage(stores.images, text).id;
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND") || isLayerfsError(error, "INVALID_REFERENCE")) return null;
    throw error;
  }
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
