import { LayerfsError } from "../core/errors.ts";
import type { MountStep } from "../driver/plan.ts";
import { EBUSY, EINVAL, ENOENT, EPERM, errnoName } from "../sys/errno.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../sys/flags.ts";
import { tryUnmount } from "../sys/mount.ts";
import { mountBind } from "./bind.ts";
import { mountOverlay } from "./overlay.ts";
import { processesUsing } from "./users.ts";

/**
 * Carries out a driver's plan, step by step. If one fails, those before it are undone and its error is thrown.
 * Error codes: PERMISSION, LIMIT_EXCEEDED, MOUNT_FAILED.
 */
export async function mountAll(steps: readonly MountStep[]): Promise<void> {
  const done: MountStep[] = [];
  try {
    for (const step of steps) {
      carryOut(step);
      done.push(step);
    }
  } catch (error) {
    // Nobody but us knows of these mounts yet; one that is busy all the same must not outlive the failure.
    for (const step of done.reverse()) await unmount(step.target, { lazy: true });
    throw error;
  }
}

export interface UnmountOptions {
  /**
   * Detach at once, even if programs still use the tree (MNT_DETACH): it stays alive for them, unseen, and the layer's
   * directories are in use until the last of them ends. Only as a last resort.
   */
  readonly lazy?: boolean;
}

/**
 * Undoes a mount. Succeeds where nothing is mounted on `target`, so that it can be repeated.
 * Fails with CONFLICT while programs use the tree, naming their process ids.
 */
export async function unmount(target: string, options: UnmountOptions = {}): Promise<void> {
  const result = tryUnmount(target, UMOUNT_NOFOLLOW | (options.lazy ? MNT_DETACH : 0));
  if (result === 0 || result === -EINVAL || result === -ENOENT) return;
  if (result === -EBUSY) throw busy(target);
  const code = result === -EPERM ? "PERMISSION" : "MOUNT_FAILED";
  throw new LayerfsError(code, `cannot unmount ${target}: ${errnoName(result)}`, { errno: errnoName(result) });
}

function carryOut(step: MountStep): void {
  switch (step.kind) {
    case "overlay":
      mountOverlay(step);
      break;
    case "bind":
      mountBind(step);
      break;
  }
}

function busy(target: string): LayerfsError {
  const pids = processesUsing(target);
  const users = pids.length === 0 ? "a program uses it" : `in use by process ${pids.join(", ")}`;
  return new LayerfsError("CONFLICT", `cannot unmount ${target}: ${users}`, {
    errno: "EBUSY",
    hint: "end the programs that have their directory or open files there",
  });
}
