import { LayerfsError, printable } from "../../core/errors.ts";
import type { LayerEntries } from "../../view/merged-tree.ts";
import { type PathStep, tracePath } from "../../view/trace-path.ts";
import type { PathExplanation, PathStepSummary } from "./explanation.ts";

/** What each layer, lowest first, does to a path. Fails with NOT_FOUND where no layer has it. */
export async function explainPath(layers: readonly (() => LayerEntries)[], path: Buffer): Promise<PathExplanation> {
  const trace = await tracePath(layers, path);
  if (trace === null) {
    throw new LayerfsError("NOT_FOUND", `${printable(path)}: no layer of the image has such a path`, {
      hint: "`layerfs ls -R IMAGE` lists what the image shows",
    });
  }
  const isThere = trace.steps.at(-1)?.node !== null;
  const last = trace.steps.findLastIndex(({ effect }) => effect !== "untouched");
  return { path: bytesOf(trace.path), layer: isThere ? last : null, steps: trace.steps.map(summarise) };
}

function summarise({ effect, by, node }: PathStep): PathStepSummary {
  return {
    effect,
    by: by === null ? null : bytesOf(by),
    node: node === null ? null : { kind: node.kind, mode: node.mode, size: node.size, linkTarget: node.linkTarget },
  };
}

function bytesOf(key: string): Buffer {
  return Buffer.from(`/${key}`, "latin1");
}
