export type { Digest } from "./core/digest.ts";
export { type ErrorCode, exitStatus, isLayerfsError, LayerfsError } from "./core/errors.ts";
export type {
  CallOptions,
  Change,
  DirectoriesMountRequest,
  Engine,
  EngineOptions,
  ExplainOptions,
  HistoryStep,
  ImageFilters,
  ImageInspection,
  ImageSummary,
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
export type {
  ContainerName,
  DirectoryExplanation,
  DirectoryRole,
  Explanation,
  LayerBlob,
  LayerSummary,
  LayerUse,
  PathExplanation,
  PathNode,
  PathStepSummary,
} from "./engine/explanation.ts";
export { openEngine } from "./engine/open-engine.ts";
export type { PulledImage, PullOptions, PullResult } from "./engine/pull.ts";
export type { Warning } from "./layer/apply/warnings.ts";
