import { resolve } from "node:path";
import { decompress } from "../compression/decompress.ts";
import type { Digest } from "../core/digest.ts";
import { applyTar } from "../layer/apply/apply-tar.ts";
import { spaceGuard } from "../layer/apply/space-guard.ts";
import { treeTarget } from "../layer/apply/tree-target.ts";
import { type Warning, Warnings } from "../layer/apply/warnings.ts";
import { openDirectory } from "../sys/at.ts";
import type { CallOptions } from "./engine.ts";

export interface ApplyResult {
  readonly diffID: Digest;
  /** Bytes of content. */
  readonly size: number;
  readonly warnings: readonly Warning[];
}

/** Applies one layer to a plain directory. After a failure the directory holds what was applied so far. */
export async function applyToDirectory(
  directory: string,
  tar: AsyncIterable<Uint8Array>,
  options: CallOptions & { readonly maxLayerSize: number | null; readonly ignoreOwners: boolean },
): Promise<ApplyResult> {
  const rootFd = openDirectory(resolve(directory));
  const { ignoreOwners, maxLayerSize, signal } = options;
  using writer = treeTarget(rootFd, { ignoreOwners, warnings: new Warnings(), implyRoot: false });
  const { diffID, size } = await applyTar(decompress(tar), writer, {
    space: spaceGuard(rootFd, { maxLayerSize }),
    signal,
  });
  const { warnings } = writer.finish([]);
  return { diffID, size, warnings };
}
