import { randomBytes } from "node:crypto";
import { inventName, nameConflict, parseContainerName } from "../../container/name-grammar.ts";
import { containerNames } from "../../container/names.ts";
import {
  type ContainerFacts,
  type ContainerOptions,
  newConfigDocument,
  newHostConfig,
  workingDirectory,
} from "../../container/new-documents.ts";
import { planMounts } from "../../container/planned-mounts.ts";
import {
  makeReadWriteLayer,
  newReadWriteLayer,
  openLayerTree,
  type ReadWriteLayer,
} from "../../container/read-write-layer.ts";
import { hideContainer, publishContainer } from "../../container/records.ts";
import { forgetNotedVolumes, makeVolumes, removeNotedVolumes, volumesDirectory } from "../../container/volumes.ts";
import { makeWorkingDirectory } from "../../container/working-directory.ts";
import { configPlatform } from "../../core/config.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { formatPlatform, parsePlatform } from "../../core/platform.ts";
import { goTime } from "../../core/timespec.ts";
import { isStored } from "../../image/image-db.ts";
import { createLease, type Lease } from "../../layer/lease.ts";
import { cleanUpAfter } from "../../layer/remove.ts";
import { exclusively } from "../../layer/store.ts";
import { placeOf } from "../../layer/whole.ts";
import { openStoredImage, type StoredImage } from "../images/stored-image.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

export interface CreateContainerOptions extends ContainerOptions {
  /** Default: one that layerfs invents. */
  readonly name?: string | undefined;
  /** `os/architecture[/variant]` that the image must have. */
  readonly platform?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CreatedContainer {
  readonly id: string;
  readonly name: string;
}

/** What a container is made of, once its image is held. */
interface Plan {
  readonly image: StoredImage;
  readonly lease: Lease;
  readonly layer: ReadWriteLayer;
}

/**
 * Makes a container of an image: its layers under a lease that keeps the image's, then its records, which make it visible
 * at once. Of two that want one name the first to be done gets it. Fails with CONFLICT for a name that is taken, NOT_FOUND.
 */
export async function createContainer(
  stores: Stores,
  imageName: string,
  options: CreateContainerOptions,
): Promise<CreatedContainer> {
  checkOptions(options);
  const id = randomBytes(32).toString("hex");
  const plan = await exclusively(stores.layers, () => hold(stores, imageName, options), options.signal);
  try {
    const mounts = planMounts(volumesDirectory(stores), plan.image.config, options);
    const facts = (name: string): ContainerFacts => ({
      id,
      name,
      isAnonymous: options.name === undefined,
      imageName,
      image: plan.image.config,
      driver: stores.layers.driver.name,
      created: goTime(new Date().toISOString()),
      mounts,
    });
    newConfigDocument(facts(""), options);
    await makeReadWriteLayer(stores, plan.layer, plan.image.layers.at(-1)?.cacheID ?? null);
    await prepareTree(stores, plan, facts(""), options);
    return await exclusively(stores.layers, () =>
      publish(stores, plan, facts(freeName(stores, options.name)), options),
    );
  } catch (error) {
    await exclusively(stores.layers, () => abandon(stores, plan, id));
    throw error;
  }
}

/** What can be told without the store. */
function checkOptions({ name, workingDir }: CreateContainerOptions): void {
  if (name !== undefined) parseContainerName(name);
  if (workingDir === undefined || workingDir === "" || workingDir.startsWith("/")) return;
  const message = `the working directory '${printable(workingDir)}' is invalid, it needs to be an absolute path`;
  throw new LayerfsError("USAGE", message);
}

async function hold(stores: Stores, imageName: string, options: CreateContainerOptions): Promise<Plan> {
  await recoverAll(stores);
  const image = openStoredImage(stores, imageName);
  checkPlatform(image, imageName, options.platform);
  for (const record of image.layers) placeOf(stores.layers, record);
  if (options.name !== undefined) freeName(stores, options.name);
  const layer = newReadWriteLayer();
  const lease = createLease(stores.layers.layout, {
    reason: `create ${image.id}`,
    chainIDs: image.layers.map(({ chainID }) => chainID),
    making: [],
    cacheIDs: [layer.initID, layer.mountID],
  });
  return { image, lease, layer };
}

function checkPlatform({ config }: StoredImage, imageName: string, wanted: string | undefined): void {
  if (wanted === undefined) return;
  const [expected, found] = [formatPlatform(parsePlatform(wanted)), formatPlatform(configPlatform(config))];
  if (expected === found) return;
  const what = `image with reference ${printable(imageName)} was found but does not match the specified platform`;
  throw new LayerfsError("NOT_FOUND", `${what}: wanted ${expected}, actual: ${found}`);
}

/** The name that a container shall have, or one that no container has. */
function freeName(stores: Stores, wanted: string | undefined): string {
  const taken = containerNames(stores);
  if (wanted === undefined) return inventName((name) => taken.has(name));
  const name = parseContainerName(wanted);
  const holder = taken.get(name);
  if (holder !== undefined) throw nameConflict(name, holder);
  return name;
}

/** What Docker changes in a container's tree when it makes the container, and the volumes beside it. */
async function prepareTree(
  stores: Stores,
  { layer, lease }: Plan,
  { id, mounts, image }: ContainerFacts,
  options: CreateContainerOptions,
): Promise<void> {
  const workingDir = workingDirectory(image, options);
  if (workingDir === undefined && mounts.points.length === 0) return;
  using tree = await openLayerTree(stores.layers.driver, layer.mountID, false);
  if (workingDir !== undefined) makeWorkingDirectory(tree, workingDir);
  await makeVolumes(stores, lease.workName, id, mounts, tree);
}

function publish(
  stores: Stores,
  { image, layer, lease }: Plan,
  facts: ContainerFacts,
  options: CreateContainerOptions,
): CreatedContainer {
  // The lease has kept its layers, but not the image.
  if (!isStored(stores.images, image.id)) throw new LayerfsError("NOT_FOUND", `No such image: ${facts.imageName}`);
  publishContainer(stores, lease.workName, {
    layer: { id: facts.id, ...layer, parent: image.layers.at(-1)?.chainID ?? null },
    document: newConfigDocument(facts, options),
    hostConfig: newHostConfig(facts, options),
  });
  forgetNotedVolumes(stores, lease.workName);
  lease[Symbol.dispose]();
  return { id: facts.id, name: facts.name };
}

/** Nothing stays of a container that was not made. */
function abandon(stores: Stores, { lease }: Plan, id: string): Promise<void> {
  hideContainer(stores, lease.workName, id);
  removeNotedVolumes(stores, lease.workName, () => false);
  return cleanUpAfter(stores.layers, { ...lease, discard: () => lease[Symbol.dispose]() });
}
