export type { ContainerState } from "./container/container.ts";
export type { Digest } from "./core/digest.ts";
export { type ErrorCode, exitStatus, isLayerfsError, LayerfsError } from "./core/errors.ts";
export type { RunConfigDocument } from "./core/run-config.ts";
export type { CheckOptions, CheckResult } from "./engine/check/check.ts";
export type { Finding } from "./engine/check/findings.ts";
export type { CommitOptions, CommittedImage } from "./engine/containers/commit-container.ts";
export type { ContainerFilters } from "./engine/containers/container-filter.ts";
export type { ContainerTasks } from "./engine/containers/container-tasks.ts";
export type { CreateContainerOptions, CreatedContainer } from "./engine/containers/create-container.ts";
export type { ContainerInspection } from "./engine/containers/inspect-container.ts";
export type { ContainerSummary } from "./engine/containers/list-containers.ts";
export type { RemoveContainerOptions } from "./engine/containers/remove-container.ts";
export type { CopyInOptions, CopyOptions } from "./engine/copying/cp.ts";
export type { CopiedIn, IntoContainerOptions } from "./engine/copying/into-container.ts";
export type { CopiedOut } from "./engine/copying/to-machine.ts";
export type {
  CallOptions,
  Change,
  DirectoriesMountRequest,
  Engine,
  EngineOptions,
  ExplainOptions,
  LoadedImage,
  LoadInput,
  MountRequest,
  MountSummary,
  ProgressEvent,
  ReadOptions,
  SourceCallOptions,
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
} from "./engine/explain/explanation.ts";
export type { HistoryStep } from "./engine/images/history.ts";
export type { ImageInspection } from "./engine/images/inspect-image.ts";
export type { ImageFilters, ImageSummary } from "./engine/images/list-images.ts";
export type { RemovedImage } from "./engine/images/remove-image.ts";
export type { TaggedImage } from "./engine/images/tag-image.ts";
export type { ImportedImage, ImportOptions } from "./engine/incoming/import-tar.ts";
export type { TarInput } from "./engine/incoming/layer-tar.ts";
export type { PulledImage, PullOptions, PullResult } from "./engine/incoming/pull.ts";
export type { StoreInfo } from "./engine/info.ts";
export type { LoginRequest, LoginResult, LogoutResult } from "./engine/login.ts";
export type { ExportTreeOptions } from "./engine/look/export-tree.ts";
export type { ListOptions } from "./engine/look/list-nodes.ts";
export { openEngine } from "./engine/open-engine.ts";
export type { CopiedImage, ImageCopyOptions } from "./engine/outgoing/copy.ts";
export type { PushedTag, PushOptions, PushResult } from "./engine/outgoing/push.ts";
export type { PushedLayer } from "./engine/outgoing/push-layer.ts";
export type { SavedImage, SaveOptions, SaveTarget } from "./engine/outgoing/save.ts";
export type { ImageDirent } from "./engine/tree/file-system/dirent.ts";
export type { ImageFileHandle } from "./engine/tree/file-system/file-handle.ts";
export { fileSystemOf, type ImageFileSystem } from "./engine/tree/file-system/file-system.ts";
export type { BigIntImageStats, ImageStats } from "./engine/tree/file-system/stats.ts";
export type { ImageLayer } from "./engine/tree/image-layer.ts";
export { type Image, type OpenImageOptions, openImage } from "./engine/tree/open-image.ts";
export type { Provenance, ProvenanceStep } from "./engine/tree/provenance.ts";
export type {
  FileVersion,
  LayerScan,
  LayerScanFile,
  ScanHandlers,
  ScannedFile,
  ScanResult,
} from "./engine/tree/scan.ts";
export { tarLayer } from "./engine/tree/tar-layer.ts";
export type { Warning } from "./layer/apply/warnings.ts";
export type { RetryEvent, RetryPolicy } from "./source/registry/retry.ts";
export type { RegistrySettings } from "./source/registry/settings.ts";
export type { DuplicatePath, HiddenNode } from "./view/merged-tree.ts";
export {
  type ByteRange,
  type PathLike,
  type ReadableLayer,
  union,
  type View,
  type ViewNode,
  type WalkOptions,
} from "./view/view.ts";
