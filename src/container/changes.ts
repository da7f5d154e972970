import type { TreeChange } from "../layer/changes.ts";
import { type ChangedLayer, layerChanges } from "../layer/layer-changes.ts";
import { type HeldContainer, holdContainer } from "./access.ts";
import type { Container, ContainerStore } from "./container.ts";

/**
 * What was changed in a container since it was made, as `docker diff` tells it: its mount points are no change. Fails
 * with NOT_FOUND where it is removed meanwhile, otherwise as `systemError`.
 */
export async function containerChanges(store: ContainerStore, container: Container): Promise<TreeChange[]> {
  using held = await holdContainer(store, container, "read");
  return await layerChanges(changedLayer(store, held));
}

/** The layer that a container writes to, against its init layer. */
export function changedLayer({ layers: { driver } }: ContainerStore, held: HeldContainer): ChangedLayer {
  const { directory, lowers } = driver.place(held.mountID);
  if (driver.traits.layerForm === "overlay-dir") return { form: "overlay-dir", directory, lowers };
  return { form: "full-tree", directory, before: driver.place(held.initID).directory };
}
