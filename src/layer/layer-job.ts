import type { ApplyJob } from "./apply/job.ts";
import type { LayerStore } from "./store.ts";

/** A job that writes a layer of the store, in the form that its driver has layers in. */
export function layerJob({ driver }: LayerStore, job: Omit<ApplyJob, "form" | "opaqueXattr">): ApplyJob {
  const form = driver.traits.layerForm === "overlay-dir" ? "overlay-dir" : "full-tree";
  return { ...job, form, opaqueXattr: "trusted.overlay.opaque" };
}
