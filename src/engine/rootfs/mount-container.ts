import { findMount, holdAlone } from "../../container/access.ts";
import type { Container } from "../../container/container.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { MountStep } from "../../driver/plan.ts";
import type { MountRecord } from "../../mount/holders.ts";
import { mountAll } from "../../mount/mounter.ts";
import { mountNamespace } from "../../sys/namespace.ts";
import type { Stores } from "../stores.ts";

/**
 * Mounts a container's tree, writable, on `given` or on what `ownTarget` makes. Each call is one mount more, to be unmounted
 * by itself: where it is mounted already that tree appears in one more place, or is counted once more in its own. The
 * caller holds the exclusive lock. Fails with CONFLICT where a call works on the container, and where it is mounted in
 * another mount namespace only, from which it cannot be had.
 */
export async function mountContainer(
  stores: Stores,
  container: Container,
  given: string | undefined,
  ownTarget: () => string,
): Promise<string> {
  const first = findMount(stores, container.id);
  if (first === null) {
    const { mountID } = layersOf(container);
    using _alone = holdAlone(stores, container, "mount");
    const target = given ?? ownTarget();
    await mountRecorded(stores, container, stores.layers.driver.plan(mountID, { target, readOnly: false }), target);
    return target;
  }
  if (first.mountNamespace !== mountNamespace()) {
    const message = `container ${container.name ?? container.id} is mounted on ${first.target} in another mount namespace`;
    throw new LayerfsError("CONFLICT", message, { hint: "use it there, or unmount it there first" });
  }
  const target = given ?? first.target;
  const steps: MountStep[] =
    target === first.target ? [] : [{ kind: "bind", source: first.target, target, readOnly: false }];
  await mountRecorded(stores, container, steps, target);
  return target;
}

/** The driver's ids of the container's layers. Fails with CORRUPT_STORE where their record is missing. */
export function layersOf({ id, layer: { mountID, initID } }: Container): { mountID: string; initID: string } {
  if (mountID !== null && initID !== null) return { mountID, initID };
  throw new LayerfsError("CORRUPT_STORE", `container ${id}: the record of its layers is missing`, {
    hint: "what the container has written cannot be reached; remove the container",
  });
}

/** Whether another record stands for the same mount, which then stays when this one is given up. */
export function isCountedAgain(stores: Stores, record: MountRecord): boolean {
  const { id, target, subject } = record;
  const isSame = (other: MountRecord): boolean =>
    other.id !== id && other.target === target && other.mountNamespace === record.mountNamespace;
  return stores.holders
    .list()
    .some((other) => isSame(other) && other.kind === "container" && other.subject === subject);
}

async function mountRecorded(
  { holders }: Stores,
  container: Container,
  steps: readonly MountStep[],
  target: string,
): Promise<void> {
  const { mountID, initID } = layersOf(container);
  const record = holders.add({ target, kind: "container", subject: container.id, layers: [initID, mountID] });
  try {
    await mountAll(steps);
  } catch (error) {
    holders.remove(record.id);
    throw error;
  }
}
