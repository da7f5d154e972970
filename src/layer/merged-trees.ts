import { moduleParameter } from "../driver/overlay2-checks.ts";
import type { OverlayStep } from "../driver/plan.ts";
import { mountDetached, type OpenTree, openTree } from "../mount/detached.ts";
import type { UpperDirectory } from "./compare-overlay.ts";

/** What overlayfs shows without an upper directory and with it. */
export interface MergedTrees extends Disposable {
  readonly before: string;
  readonly after: string;
}

/** Read-only, and seen by this process alone. Fails as `mountDetached`. */
export async function mergedTrees({ directory, lowers }: UpperDirectory): Promise<MergedTrees> {
  const before = await mergedTree(lowers);
  try {
    const after = await mergedTree([directory, ...lowers]);
    return {
      before: before.path,
      after: after.path,
      [Symbol.dispose]() {
        before[Symbol.dispose]();
        after[Symbol.dispose]();
      },
    };
  } catch (error) {
    before[Symbol.dispose]();
    throw error;
  }
}

async function mergedTree(lowers: readonly string[]): Promise<OpenTree> {
  const [only] = lowers;
  // overlayfs demands two directories.
  if (only !== undefined && lowers.length === 1) return openTree(only);
  return await mountDetached((target): OverlayStep[] => [
    { kind: "overlay", target, lowers, options: followOptions() },
  ]);
}

/** What an upper directory refers to is to be followed, whatever the kernel does by default. */
function followOptions(): string[] {
  const follow: readonly (readonly [string, string])[] = [
    ["metacopy", "on"],
    ["redirect_dir", "follow"],
  ];
  return follow.filter(([name]) => moduleParameter(name) !== null).map(([name, value]) => `${name}=${value}`);
}
