import { findMount, holdAlone } from "../../container/access.ts";
import { type Container, isRunning } from "../../container/container.ts";
import { deleteHidden, hideContainer } from "../../container/records.ts";
import { resolveContainer } from "../../container/resolve.ts";
import { forgetNotedVolumes, noteVolumes, ownVolumes, removeNotedVolumes } from "../../container/volumes.ts";
import { LayerfsError } from "../../core/errors.ts";
import { asRecord } from "../../core/json-record.ts";
import { createLease } from "../../layer/lease.ts";
import { exclusively } from "../../layer/store.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

export interface RemoveContainerOptions {
  /** Also its volumes that have no name of their own. */
  readonly volumes?: boolean | undefined;
}

/**
 * Removes a container with its layers; its image stays. Returns its id. Fails with NOT_FOUND, and with CONFLICT while it
 * runs, is mounted, or is used by another call.
 */
export function removeContainer(stores: Stores, text: string, options: RemoveContainerOptions): Promise<string> {
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const container = resolveContainer(stores, text);
    refuseRunning(container);
    refuseMounted(stores, container);
    using _alone = holdAlone(stores, container, "remove");
    await removeHeld(stores, container, options.volumes === true ? ownVolumes(stores, container) : []);
    return container.id;
  });
}

/** What a live dockerd runs is in its root, which is then not written to; this one has outlived its dockerd. */
function refuseRunning(container: Container): void {
  if (!isRunning(container)) return;
  throw new LayerfsError(
    "CONFLICT",
    `You cannot remove a ${container.state} container ${container.id}. Stop the container before attempting removal`,
    { hint: `its process is ${String(asRecord(container.document.State).Pid)}; layerfs ends no processes` },
  );
}

function refuseMounted(stores: Stores, container: Container): void {
  const mount = findMount(stores, container.id);
  if (mount === null) return;
  const message = `cannot remove container ${container.name ?? container.id}: it is mounted on ${mount.target}`;
  throw new LayerfsError("CONFLICT", message, { hint: `unmount it first: layerfs umount ${mount.target}` });
}

/** A lease names the layers before anything is removed. It outlives a failure or crash, after which the rest is removed. */
async function removeHeld(stores: Stores, { id, layer }: Container, volumes: readonly string[]): Promise<void> {
  const { driver, layout } = stores.layers;
  const cacheIDs = [layer.mountID, layer.initID].filter((each) => each !== null);
  const lease = createLease(layout, { reason: `rm ${id}`, chainIDs: [], making: [], cacheIDs });
  noteVolumes(stores, lease.workName, id, volumes);
  hideContainer(stores, lease.workName, id);
  for (const cacheID of cacheIDs) await driver.remove(cacheID);
  removeNotedVolumes(stores, lease.workName, () => false);
  forgetNotedVolumes(stores, lease.workName);
  deleteHidden(stores, lease.workName);
  lease[Symbol.dispose]();
}
