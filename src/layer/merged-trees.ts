import { LayerfsError } from "../core/errors.ts";
import { moduleParameter } from "../driver/overlay2-checks.ts";
import { openPath } from "../sys/at.ts";
import { errnoName } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_PATH } from "../sys/flags.ts";
import { makeOverlay } from "../sys/overlay.ts";
import type { UpperDirectory } from "./compare-overlay.ts";

/** What overlayfs shows without an upper directory and with it: two paths, which vanish when this is disposed. */
export interface MergedTrees extends Disposable {
  readonly before: string;
  readonly after: string;
}

/** Read-only, by mounts that are attached nowhere. Fails with MOUNT_FAILED. */
export function mergedTrees({ directory, lowers }: UpperDirectory): MergedTrees {
  const before = mergedTree(lowers);
  try {
    const after = mergedTree([directory, ...lowers]);
    return {
      before: descriptorPath(before),
      after: descriptorPath(after),
      [Symbol.dispose]() {
        close(before);
        close(after);
      },
    };
  } catch (error) {
    close(before);
    throw error;
  }
}

/** A descriptor of the tree's root. */
function mergedTree(directories: readonly string[]): number {
  const lowers: number[] = [];
  try {
    for (const path of directories) lowers.push(openPath(path, O_PATH | O_DIRECTORY));
    // overlayfs demands two directories.
    if (lowers.length === 1) return lowers.pop()!;
    const result = makeOverlay({ lowers }, options());
    if (typeof result === "number") return result;
    const reason = result.message === "" ? errnoName(result.errno) : result.message;
    throw new LayerfsError("MOUNT_FAILED", `cannot join ${directories.length} layers to compare them: ${reason}`, {
      errno: errnoName(result.errno),
    });
  } finally {
    for (const fd of lowers) close(fd);
  }
}

/** What an upper directory refers to is to be followed, whatever the kernel does by default. */
function options(): string[] {
  const follow: readonly [string, string][] = [
    ["metacopy", "on"],
    ["redirect_dir", "follow"],
  ];
  return follow.filter(([name]) => moduleParameter(name) !== null).map(([name, value]) => `${name}=${value}`);
}

function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
