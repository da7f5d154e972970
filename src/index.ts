export type { Digest } from "./core/digest.ts";
export { type ErrorCode, exitStatus, isLayerfsError, LayerfsError } from "./core/errors.ts";
export type {
  CallOptions,
  Change,
  DirectoriesMountRequest,
  Engine,
  EngineOptions,
  Explanation,
  HistoryStep,
  ImageFilters,
  ImageInspection,
  ImageSummary,
  LayerSummary,
  ListOptions,
  LoadedImage,
  LoadInput,
  MountRequest,
  MountSummary,
  ProgressEvent,
  ReadOptions,
  RemovedImage,
  RunConfigDocument,
  SourceCallOptions,
  StoreInfo,
  TaggedImage,
  TreeNode,
  UnmountRequest,
} from "./engine/engine.ts";
export { openEngine } from "./engine/open-engine.ts";
export type { Warning } from "./layer/apply/warnings.ts";
