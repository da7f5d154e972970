import type { Digest } from "../../core/digest.ts";
import { explainPath } from "../explain/explain-path.ts";
import type { PathStepSummary } from "../explain/explanation.ts";
import type { ImageLayer } from "./image-layer.ts";

/** What a layer does to a path, with what the image tells of the layer. */
export interface ProvenanceStep extends PathStepSummary {
  /** Index of the layer, lowest 0. */
  readonly layer: number;
  readonly diffID: Digest;
  /** The instruction that made the layer; null where the history does not tell. */
  readonly createdBy: string | null;
}

export interface Provenance {
  /** Bytes of the real path, with a leading `/`. */
  readonly path: Buffer;
  /** The step that made what the image shows; null where the image does not have the path any more. */
  readonly origin: ProvenanceStep | null;
  /** The layers that do something to the path, lowest first. */
  readonly steps: readonly ProvenanceStep[];
}

/** Fails with NOT_FOUND where no layer has the path. Layers are read once, and once more if a symlink is on the way. */
export async function provenanceOf(layers: readonly ImageLayer[], path: Buffer): Promise<Provenance> {
  const explained = await explainPath(
    layers.map((layer) => () => layer.entries()),
    path,
  );
  const steps = explained.steps.map((step, index): ProvenanceStep => {
    const { diffID, createdBy } = layers[index] as ImageLayer;
    return { ...step, layer: index, diffID, createdBy };
  });
  return {
    path: explained.path,
    origin: explained.layer === null ? null : (steps[explained.layer] ?? null),
    steps: steps.filter(({ effect }) => effect !== "untouched"),
  };
}
