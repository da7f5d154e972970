import { randomBytes } from "node:crypto";
import { rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { findMount, holdAlone } from "../../container/access.ts";
import { type Container, readContainer } from "../../container/container.ts";
import { findContainer, resolveContainer } from "../../container/resolve.ts";
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
import { isCountedAgain, layersOf, mountContainer } from "./mount-container.ts";

/**
 * Mounts the tree of a container or an image. What the mount stands on is recorded before it is made, so that no layer under
 * it can be removed; a record without a mount is dropped by the next command.
 */
export function mountNamed(stores: Stores, request: MountRequest): Promise<string> {
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const container = containerNamed(stores, request);
    if (container !== null) {
      const given = request.target === undefined ? undefined : givenDirectory(request.target);
      return await mountContainer(stores, container, given, () => makeOwnTarget(stores));
    }
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
 * Mounts an image or a container of a root that must not be changed: a dockerd runs on it, or its file system is read-only. Nothing
 * records the mount, so nothing keeps that dockerd from removing the image's layers under it. Read-only, and where the
 * user says: READ_ONLY without a target.
 */
export async function mountUnrecorded(stores: Stores, request: MountRequest): Promise<string> {
  const { image, target } = request;
  const container = containerNamed(stores, request);
  const top = container === null ? openMountable(stores, image).top : layersOf(container).mountID;
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
    using _alone = holdIfLast(stores, holder);
    if (staleness(holder) === null && !isCountedAgain(stores, holder)) await unmount(holder.target);
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
    const { kind, subject } = holder;
    const image = kind !== "image" || subject === undefined ? null : parseDigest(subject);
    const container = kind !== "container" || subject === undefined ? null : subject;
    return {
      target: holder.target,
      image: image === null ? null : { id: image, name: tagsOf(repositories, image)[0]?.name ?? null },
      container: container === null ? null : { id: container, name: readContainer(stores, container)?.name ?? null },
      readWrite: holder.rwLayer !== undefined || container !== null,
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
  const byTarget = holders.findLast((holder) => holder.target === target);
  if (byTarget !== undefined || /^\.{0,2}\//.test(text)) return byTarget ?? null;
  const container = containerNamed(stores, { image: text });
  const subject = container?.id ?? imageNamed(stores, text);
  const named = holders.filter((holder) => subject !== null && holder.subject === subject);
  const last = named.at(-1);
  if (last === undefined) {
    const message = `${printable(text)} is neither the directory of a mount nor a container or an image that is mounted`;
    throw new LayerfsError("NOT_FOUND", message, { hint: "`layerfs mount` lists the mounts" });
  }
  const targets = new Set(named.map((holder) => holder.target));
  if (targets.size === 1 && (container !== null || named.length === 1)) return last;
  const what = container === null ? "image" : "container";
  throw new LayerfsError("AMBIGUOUS", `${what} ${printable(text)} is mounted ${named.length} times`, {
    hint: `name the directory: ${[...targets].join(", ")}`,
  });
}

/** The container, if a name may be one's and is. */
function containerNamed(stores: Stores, { image: text, type }: Pick<MountRequest, "image" | "type">): Container | null {
  if (type === "container") return resolveContainer(stores, text);
  return type === "image" ? null : findContainer(stores, text);
}

/** Who works on a container by its mount must be done before that goes. */
function holdIfLast(stores: Stores, holder: MountRecord): Disposable | null {
  const { kind, subject } = holder;
  if (kind !== "container" || subject === undefined || findMount(stores, subject)?.id !== holder.id) return null;
  const container = readContainer(stores, subject);
  return container === null ? null : holdAlone(stores, container, "unmount");
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
