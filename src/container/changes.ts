import type { TreeChange } from "../layer/changes.ts";
import { containerLockPath } from "../layer/container-records.ts";
import { type ChangedLayer, layerChanges } from "../layer/layer-changes.ts";
import { systemError } from "../sys/errno.ts";
import { AT_FDCWD } from "../sys/flags.ts";
import { tryStatat } from "../sys/stat.ts";
import { type HeldContainer, holdContainer } from "./access.ts";
import type { Container, ContainerStore } from "./container.ts";

/**
 * What was changed in a container since it was made, as `docker diff` tells it: its mount points are no change. Fails
 * with NOT_FOUND where it is removed meanwhile, otherwise as `systemError`.
 */
export async function containerChanges(store: ContainerStore, container: Container): Promise<TreeChange[]> {
  using held = await holdContainer(store, container, "read");
  return await layerChanges(changedLayer(store, container, held));
}

/** The layer that a container writes to, against its init layer. */
export function changedLayer(
  { layers: { driver, layout } }: ContainerStore,
  { id }: Container,
  held: HeldContainer,
): ChangedLayer {
  const { directory, lowers } = driver.place(held.mountID);
  if (driver.traits.layerForm === "overlay-dir") return { form: "overlay-dir", directory, lowers };
  // Its record is written once its tree is copied.
  const record = tryStatat(AT_FDCWD, Buffer.from(containerLockPath(layout, id)));
  if (typeof record === "number") throw systemError(record, "look at the record of container", id);
  return { form: "full-tree", directory, before: driver.place(held.initID).directory, copied: record.mtime };
}
