import { existsSync } from "node:fs";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { containerLockPath, readContainerRecord } from "../layer/container-records.ts";
import { type OpenTree, openTree } from "../mount/detached.ts";
import { type MountRecord, staleness } from "../mount/holders.ts";
import { acquireLock, type Lock, tryLock } from "../sys/lock.ts";
import { lockHolders } from "../sys/lock-holders.ts";
import { mountNamespace } from "../sys/namespace.ts";
import type { Container, ContainerStore } from "./container.ts";
import { openLayerTree } from "./read-write-layer.ts";

/** A container whose read-write layer is there. */
export interface HeldContainer extends Disposable {
  readonly mountID: string;
  readonly initID: string;
  /** Where it is mounted by `layerfs mount`, so that its tree is reached there; null where it is not. */
  readonly mount: MountRecord | null;
}

export type Purpose = "read" | "write";

/**
 * Runs `use` on the container's merged tree, from a mount that nobody else sees or, where it is mounted already, there.
 * Meanwhile it is neither removed, mounted nor unmounted. For `write` there is one user at a time, who waits for the others,
 * unless it is mounted: then all share the mount. Fails with NOT_FOUND where it was removed, CONFLICT for `write` where it
 * is mounted in another mount namespace, and as `mountAll`.
 */
export async function withMounted<T>(
  store: ContainerStore,
  container: Container,
  purpose: Purpose,
  use: (tree: OpenTree) => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  using tree = await openContainer(store, container, purpose, signal);
  return await use(tree);
}

/** As `withMounted`, for who uses the tree piece by piece, and disposes it. */
export async function openContainer(
  store: ContainerStore,
  container: Container,
  purpose: Purpose,
  signal?: AbortSignal,
): Promise<OpenTree> {
  const held = await holdContainer(store, container, purpose, signal);
  try {
    const tree = await openContainerTree(store, container, held, purpose);
    const dispose = (): void => {
      tree[Symbol.dispose]();
      held[Symbol.dispose]();
    };
    return { fd: tree.fd, path: tree.path, [Symbol.dispose]: dispose };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

/** As `withMounted`, for who needs its layers' directories (`driver.place`) and no mount. The caller disposes it. */
export async function holdContainer(
  store: ContainerStore,
  container: Container,
  purpose: Purpose,
  signal?: AbortSignal,
): Promise<HeldContainer> {
  for (;;) {
    const before = findMount(store, container.id);
    const mode = purpose === "write" && before === null ? "exclusive" : "shared";
    const lock = await lockLayer(store, container, mode, signal);
    const { mountID, initID } = readContainerRecord(store.layers.layout, container.id);
    const mount = findMount(store, container.id);
    if (mountID === null || initID === null || mountID !== container.layer.mountID) {
      lock.release();
      throw gone(container);
    }
    if (mount?.id === before?.id) return { mountID, initID, mount, [Symbol.dispose]: () => lock.release() };
    lock.release();
  }
}

/**
 * For who removes, mounts or unmounts it, which is `action`; the caller holds the store's exclusive lock. Null where there is
 * no read-write layer to use. Fails with CONFLICT while somebody uses it, naming the process.
 */
export function holdAlone(store: ContainerStore, { id, name }: Container, action: string): Lock | null {
  const path = containerLockPath(store.layers.layout, id);
  if (!existsSync(path)) return null;
  const lock = tryLock(path, "exclusive");
  if (lock !== null) return lock;
  const pids = lockHolders(path);
  const users = pids.length === 0 ? "a program uses it" : `in use by process ${pids.join(", ")}`;
  throw new LayerfsError("CONFLICT", `cannot ${action} container ${name ?? id}: ${users}`, {
    hint: "wait until that program has ended",
  });
}

/** Its mount by `layerfs mount`, in whichever namespace. It comes and goes only while its lock is held alone. */
export function findMount({ holders }: ContainerStore, id: string): MountRecord | null {
  const records = holders.list().filter(({ kind, subject }) => kind === "container" && subject === id);
  return records.find((record) => staleness(record) === null) ?? null;
}

async function openContainerTree(
  { layers: { driver } }: ContainerStore,
  container: Container,
  { mountID, mount }: HeldContainer,
  purpose: Purpose,
): Promise<OpenTree> {
  if (mount === null || driver.traits.layerForm === "full-tree")
    return await openLayerTree(driver, mountID, purpose === "read");
  if (mount.mountNamespace === mountNamespace()) return openTree(mount.target);
  if (purpose === "read") return await openLayerTree(driver, mountID, true);
  const message = `container ${container.name ?? container.id} is mounted on ${mount.target} in another mount namespace`;
  throw new LayerfsError("CONFLICT", message, { hint: "write to it there, or unmount it there first" });
}

/**
 * The lock is on a file that lasts as long as the layer, whoever made the container. Users may take long, so nothing bounds
 * the wait.
 */
async function lockLayer(
  store: ContainerStore,
  container: Container,
  mode: "shared" | "exclusive",
  signal: AbortSignal | undefined,
): Promise<Lock> {
  try {
    return await acquireLock(containerLockPath(store.layers.layout, container.id), mode, {
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
    });
  } catch (error) {
    if (isLayerfsError(error) && error.errno === "ENOENT") throw gone(container);
    throw error;
  }
}

function gone({ id }: Container): LayerfsError {
  return new LayerfsError("NOT_FOUND", `No such container: ${id}`, { hint: "its read-write layer is not there" });
}
