import type { BindStep } from "../driver/plan.ts";
import { ENOSYS } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { MNT_DETACH, MS_BIND, MS_RDONLY, MS_REMOUNT } from "../sys/flags.ts";
import { MOUNT_ATTR_RDONLY, tryAttach, tryCloneMount, tryMount, trySetAttributes, tryUnmount } from "../sys/mount.ts";
import { mountFailure } from "./failure.ts";

/** `clone`: the mount API (Linux 5.12), never writable in between; `remount`: mount(2), twice for a read-only one. */
export type BindMethod = "clone" | "remount";

/** Makes `source` appear at `target`, without the mounts below it. Fails as `mountOverlay`. */
export function mountBind(step: BindStep, method?: BindMethod): void {
  let result = method === "remount" ? -ENOSYS : mountByClone(step);
  if (result === -ENOSYS && method !== "clone") result = mountByRemount(step);
  if (result < 0) throw mountFailure(step.source, step.target, { errno: -result, message: "" });
}

function mountByClone(step: BindStep): number {
  const fd = tryCloneMount(step.source, false);
  if (fd < 0) return fd;
  try {
    const result = step.readOnly ? trySetAttributes(fd, MOUNT_ATTR_RDONLY) : 0;
    return result < 0 ? result : tryAttach(fd, step.target);
  } finally {
    close(fd);
  }
}

function mountByRemount(step: BindStep): number {
  const result = tryMount(step.source, step.target, "", MS_BIND, "");
  if (result < 0 || !step.readOnly) return result;
  const remounted = tryMount("", step.target, "", MS_REMOUNT | MS_BIND | MS_RDONLY, "");
  // MNT_DETACH: somebody may have looked at the new mount already, and it must not stay writable.
  if (remounted < 0) tryUnmount(step.target, MNT_DETACH);
  return remounted;
}
