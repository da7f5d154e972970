import { randomBytes } from "node:crypto";
import { mountDetached, type OpenTree, openTree } from "../mount/detached.ts";
import type { ContainerStore } from "./container.ts";
import { writeMountPoints } from "./init-layer.ts";

/** The driver's ids of a container's two layers. */
export interface ReadWriteLayer {
  /** The layer that the container writes to. */
  readonly mountID: string;
  /** The layer between it and the image, with the container's mount points. */
  readonly initID: string;
}

/** In Docker's form: the init layer is named after the other. */
export function newReadWriteLayer(): ReadWriteLayer {
  const mountID = randomBytes(32).toString("hex");
  return { mountID, initID: `${mountID}-init` };
}

/**
 * Makes both layers on `parent`, the driver's id of the image's topmost layer (null: an image without layers). Durable
 * when it is done. The caller's lease names both, so that what a failure or a crash leaves is removed.
 */
export async function makeReadWriteLayer(
  { layers: { driver } }: ContainerStore,
  { mountID, initID }: ReadWriteLayer,
  parent: string | null,
): Promise<void> {
  await driver.create(initID, parent);
  {
    using tree = await openLayerTree(driver, initID, false);
    writeMountPoints(tree.fd);
  }
  await driver.seal(initID);
  await driver.create(mountID, initID, { readWrite: true });
}

/** The tree of a layer: its directory where the driver keeps whole trees, else a mount that nobody else sees. */
export async function openLayerTree(
  driver: ContainerStore["layers"]["driver"],
  id: string,
  readOnly: boolean,
): Promise<OpenTree> {
  if (driver.traits.layerForm === "full-tree") return openTree(driver.place(id).directory);
  return await mountDetached((target) => driver.plan(id, { target, readOnly }));
}
