import { type Later, type LaterStream, later, laterStream } from "./later.ts";

// What an engine does, task by task. Each is loaded when it is asked for first, as every command waits for what is loaded.

export const checkImages: Later<typeof import("./check/check.ts").checkImages> = later(
  async () => (await import("./check/check.ts")).checkImages,
);
export const commitContainer: Later<typeof import("./containers/commit-container.ts").commitContainer> = later(
  async () => (await import("./containers/commit-container.ts")).commitContainer,
);
export const compareImages: Later<typeof import("./look/compare-images.ts").compareImages> = later(
  async () => (await import("./look/compare-images.ts")).compareImages,
);
export const copyImages: Later<typeof import("./outgoing/copy.ts").copyImages> = later(
  async () => (await import("./outgoing/copy.ts")).copyImages,
);
export const copyIn: Later<typeof import("./copying/cp.ts").copyIn> = later(
  async () => (await import("./copying/cp.ts")).copyIn,
);
export const copyTarIn: Later<typeof import("./copying/cp.ts").copyTarIn> = later(
  async () => (await import("./copying/cp.ts")).copyTarIn,
);
export const copyOut: Later<typeof import("./copying/cp.ts").copyOut> = later(
  async () => (await import("./copying/cp.ts")).copyOut,
);
export const copyToStore: Later<typeof import("./outgoing/copy-to-store.ts").copyToStore> = later(
  async () => (await import("./outgoing/copy-to-store.ts")).copyToStore,
);
export const createContainer: Later<typeof import("./containers/create-container.ts").createContainer> = later(
  async () => (await import("./containers/create-container.ts")).createContainer,
);
export const inspectContainer: Later<typeof import("./containers/inspect-container.ts").inspectContainer> = later(
  async () => (await import("./containers/inspect-container.ts")).inspectContainer,
);
export const summarizeContainers: Later<typeof import("./containers/list-containers.ts").summarizeContainers> = later(
  async () => (await import("./containers/list-containers.ts")).summarizeContainers,
);
export const removeContainer: Later<typeof import("./containers/remove-container.ts").removeContainer> = later(
  async () => (await import("./containers/remove-container.ts")).removeContainer,
);
export const renameContainer: Later<typeof import("./containers/rename-container.ts").renameContainer> = later(
  async () => (await import("./containers/rename-container.ts")).renameContainer,
);
export const diffContainer: Later<typeof import("./containers/diff-container.ts").diffContainer> = later(
  async () => (await import("./containers/diff-container.ts")).diffContainer,
);
export const explain: Later<typeof import("./explain/explain.ts").explain> = later(
  async () => (await import("./explain/explain.ts")).explain,
);
export const explainDirectory: Later<typeof import("./explain/explain-directory.ts").explainDirectory> = later(
  async () => (await import("./explain/explain-directory.ts")).explainDirectory,
);
export const explainSource: Later<typeof import("./explain/explain-source.ts").explainSource> = later(
  async () => (await import("./explain/explain-source.ts")).explainSource,
);
export const exportToFile: Later<typeof import("./look/export-tree.ts").exportToFile> = later(
  async () => (await import("./look/export-tree.ts")).exportToFile,
);
export const imageHistory: Later<typeof import("./images/history.ts").imageHistory> = later(
  async () => (await import("./images/history.ts")).imageHistory,
);
export const sourceHistory: Later<typeof import("./images/history.ts").sourceHistory> = later(
  async () => (await import("./images/history.ts")).sourceHistory,
);
export const storeInfo: Later<typeof import("./info.ts").storeInfo> = later(
  async () => (await import("./info.ts")).storeInfo,
);
export const importTar: Later<typeof import("./incoming/import-tar.ts").importTar> = later(
  async () => (await import("./incoming/import-tar.ts")).importTar,
);
export const inspectImage: Later<typeof import("./images/inspect-image.ts").inspectImage> = later(
  async () => (await import("./images/inspect-image.ts")).inspectImage,
);
export const inspectSource: Later<typeof import("./images/inspect-image.ts").inspectSource> = later(
  async () => (await import("./images/inspect-image.ts")).inspectSource,
);
export const listChanges: Later<typeof import("./look/list-changes.ts").listChanges> = later(
  async () => (await import("./look/list-changes.ts")).listChanges,
);
export const listImages: Later<typeof import("./images/list-images.ts").listImages> = later(
  async () => (await import("./images/list-images.ts")).listImages,
);
export const loadInput: Later<typeof import("./incoming/load-input.ts").loadInput> = later(
  async () => (await import("./incoming/load-input.ts")).loadInput,
);
export const login: Later<typeof import("./login.ts").login> = later(async () => (await import("./login.ts")).login);
export const logout: Later<typeof import("./login.ts").logout> = later(async () => (await import("./login.ts")).logout);
export const listMounts: Later<typeof import("./rootfs/mounting.ts").listMounts> = later(
  async () => (await import("./rootfs/mounting.ts")).listMounts,
);
export const mountDirectories: Later<typeof import("./rootfs/mounting.ts").mountDirectories> = later(
  async () => (await import("./rootfs/mounting.ts")).mountDirectories,
);
export const mountNamed: Later<typeof import("./rootfs/mounting.ts").mountNamed> = later(
  async () => (await import("./rootfs/mounting.ts")).mountNamed,
);
export const mountUnrecorded: Later<typeof import("./rootfs/mounting.ts").mountUnrecorded> = later(
  async () => (await import("./rootfs/mounting.ts")).mountUnrecorded,
);
export const unmountTarget: Later<typeof import("./rootfs/mounting.ts").unmountTarget> = later(
  async () => (await import("./rootfs/mounting.ts")).unmountTarget,
);
export const unmountUnrecorded: Later<typeof import("./rootfs/mounting.ts").unmountUnrecorded> = later(
  async () => (await import("./rootfs/mounting.ts")).unmountUnrecorded,
);
export const openStores: Later<typeof import("./open-stores.ts").openStores> = later(
  async () => (await import("./open-stores.ts")).openStores,
);
export const applyToDirectory: Later<typeof import("./plumbing.ts").applyToDirectory> = later(
  async () => (await import("./plumbing.ts")).applyToDirectory,
);
export const pullImage: Later<typeof import("./incoming/pull.ts").pullImage> = later(
  async () => (await import("./incoming/pull.ts")).pullImage,
);
export const pushImages: Later<typeof import("./outgoing/push.ts").pushImages> = later(
  async () => (await import("./outgoing/push.ts")).pushImages,
);
export const unpackSource: Later<typeof import("./rootfs/unpack-source.ts").unpackSource> = later(
  async () => (await import("./rootfs/unpack-source.ts")).unpackSource,
);
export const readFile: Later<typeof import("./look/read-file.ts").readFile> = later(
  async () => (await import("./look/read-file.ts")).readFile,
);
export const removeImage: Later<typeof import("./images/remove-image.ts").removeImage> = later(
  async () => (await import("./images/remove-image.ts")).removeImage,
);
export const copyFromStore: Later<typeof import("./outgoing/save.ts").copyFromStore> = later(
  async () => (await import("./outgoing/save.ts")).copyFromStore,
);
export const saveImages: Later<typeof import("./outgoing/save.ts").saveImages> = later(
  async () => (await import("./outgoing/save.ts")).saveImages,
);
export const statNode: Later<typeof import("./look/stat-node.ts").statNode> = later(
  async () => (await import("./look/stat-node.ts")).statNode,
);
export const tagImage: Later<typeof import("./images/tag-image.ts").tagImage> = later(
  async () => (await import("./images/tag-image.ts")).tagImage,
);
export const unpackImage: Later<typeof import("./rootfs/unpack.ts").unpackImage> = later(
  async () => (await import("./rootfs/unpack.ts")).unpackImage,
);
export const unpackUnleased: Later<typeof import("./rootfs/unpack.ts").unpackUnleased> = later(
  async () => (await import("./rootfs/unpack.ts")).unpackUnleased,
);
export const findWaste: Later<typeof import("./look/waste.ts").findWaste> = later(
  async () => (await import("./look/waste.ts")).findWaste,
);
export const treeChanges: Later<typeof import("../layer/changes.ts").treeChanges> = later(
  async () => (await import("../layer/changes.ts")).treeChanges,
);
export const exportTree: LaterStream<typeof import("./look/export-tree.ts").exportTree> = laterStream(
  async () => (await import("./look/export-tree.ts")).exportTree,
);
export const copyTar: LaterStream<typeof import("./copying/cp.ts").copyTar> = laterStream(
  async () => (await import("./copying/cp.ts")).copyTar,
);
export const diffTar: LaterStream<typeof import("../layer/diff-tar.ts").diffTar> = laterStream(
  async () => (await import("../layer/diff-tar.ts")).diffTar,
);
export const findInImage: LaterStream<typeof import("./look/find-nodes.ts").findInImage> = laterStream(
  async () => (await import("./look/find-nodes.ts")).findInImage,
);
export const listNodes: LaterStream<typeof import("./look/list-nodes.ts").listNodes> = laterStream(
  async () => (await import("./look/list-nodes.ts")).listNodes,
);
