import type { Arrival } from "../../content/arrival.ts";
import type { Digest } from "../../core/digest.ts";
import type { ErrorRecord } from "../../core/errors.ts";
import type { Extent } from "../../core/image.ts";
import type { Crc64Program } from "../../tar/crc64.ts";
import type { ChangedLayer } from "../layer-changes.ts";
import type { WrittenLayer } from "./layer-writer.ts";

/** Where a layer's bytes come from. */
export type LayerBytes =
  /**
   * Stored bytes in an open file, compressed or not; `digest` is what they must have, null where nothing promises one.
   * With `arrival` they are still being fetched: they are read as far as it tells.
   */
  | {
      readonly kind: "blob";
      readonly extent: Extent;
      readonly digest: Digest | null;
      readonly arrival?: Arrival | undefined;
    }
  /** A layer of the store: its tar-split records, and the directory with its files. */
  | { readonly kind: "stored"; readonly tarSplit: string; readonly directory: string }
  /** What was changed in a layer that is written to, as `changesTar` gives it. */
  | { readonly kind: "changes"; readonly layer: ChangedLayer };

/** All that a worker needs to unpack one layer. Plain data: it crosses a thread boundary. */
export interface ApplyJob {
  readonly bytes: LayerBytes;
  /** Digest that the uncompressed tar must have; null where nothing promises one. */
  readonly diffID: Digest | null;
  readonly form: "overlay-dir" | "full-tree";
  /** Directory to fill. */
  readonly directory: string;
  /** It is the lowest layer: a root that the archive implies gets an implied directory's attributes. */
  readonly isBase: boolean;
  /** `overlay-dir`: the directories below, topmost first, once they are complete; null before. */
  readonly lowers: readonly string[] | null;
  readonly opaqueXattr: string;
  /** File to make with the gzipped tar-split records; null for none. */
  readonly tarSplit: string | null;
  readonly maxLayerSize: number | null;
  readonly ignoreOwners: boolean;
}

export interface JobResult extends WrittenLayer {
  readonly diffID: Digest;
  readonly size: number;
  readonly entries: number;
}

/** What a worker starts with. */
export interface WorkerData {
  readonly crc64: Crc64Program;
}

export type ToWorker =
  | { readonly type: "apply"; readonly id: number; readonly job: ApplyJob }
  /** Answers "written": the layers below are complete. */
  | { readonly type: "finish"; readonly id: number; readonly lowers: readonly string[] }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "stop" };

export type FromWorker =
  | { readonly type: "progress"; readonly id: number; readonly bytes: number }
  /** All content is on disk and verified; whiteouts and times wait for "finish". */
  | { readonly type: "written"; readonly id: number }
  | { readonly type: "lowers-needed"; readonly id: number }
  | { readonly type: "finished"; readonly id: number; readonly result: JobResult }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorRecord };
