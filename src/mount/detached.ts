import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MountStep } from "../driver/plan.ts";
import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { mountAll, unmount } from "./mounter.ts";
import { makeDetachedOverlay } from "./overlay.ts";

/** A tree that this process alone reaches, by a descriptor of its root or by a path through that. */
export interface OpenTree extends Disposable {
  readonly fd: number;
  /** `/proc/self/fd/N/.`, good in every thread of this process as long as it is open. */
  readonly path: string;
}

/**
 * Carries out a driver's plan where nobody sees it. The mount ends with the descriptor, and so with the process, whatever
 * ends that. Where the kernel cannot make a mount without attaching it (overlayfs before Linux 6.13), it is attached to a
 * directory of its own in the temporary directory for an instant. Fails as `mountAll`.
 */
export async function mountDetached(planFor: (target: string) => readonly MountStep[]): Promise<OpenTree> {
  const [step, ...others] = planFor("");
  if (step?.kind === "overlay" && others.length === 0) {
    const fd = makeDetachedOverlay(step);
    if (fd !== null) return treeOf(fd);
  }
  const target = mkdtempSync(join(tmpdir(), "layerfs-mount-"));
  try {
    const steps = planFor(target);
    await mountAll(steps);
    try {
      return openTree(target);
    } finally {
      for (const { target } of steps.toReversed()) await unmount(target, { lazy: true });
    }
  } finally {
    rmdirSync(target);
  }
}

/** A directory that is there already, in the same form. */
export function openTree(directory: string): OpenTree {
  return treeOf(openDirectory(directory));
}

function treeOf(fd: number): OpenTree {
  return { fd, path: `/proc/self/fd/${fd}/.`, [Symbol.dispose]: () => close(fd) };
}
