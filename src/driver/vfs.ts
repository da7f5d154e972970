import { join } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { copyTreeAsync } from "../sys/copy-tree.ts";
import type { DriverContext, DriverEntry, StorageDriver } from "./driver.ts";
import {
  ensureDirectory,
  isDirectory,
  layerIDs,
  makeDirectory,
  removeLayerDirectory,
  syncFileSystem,
} from "./layer-directories.ts";
import { checkLayerID, isLayerID } from "./layer-id.ts";
import { checkOptions } from "./storage-options.ts";

/**
 * Docker's vfs: each layer a whole tree, made as a copy of its parent's. Works everywhere, and costs the size of the
 * tree for each layer, except on btrfs and xfs, where copies share their data.
 *
 * `vfs.ignore_chown_errors=true` is for the layer's writer, and for users without root: owners that may not be set are
 * left as they come.
 */
export const vfs: DriverEntry = { name: "vfs", open };

async function open(context: DriverContext): Promise<StorageDriver> {
  checkOptions("vfs", context.options, ["vfs.ignore_chown_errors"]);
  const home = join(context.root, "vfs");
  const layers = join(home, "dir");
  if (!context.readOnly) {
    ensureDirectory(home, 0o710);
    ensureDirectory(layers, 0o710);
  }
  return driver(home, layers, context.readOnly);
}

function driver(home: string, layers: string, readOnly: boolean): StorageDriver {
  const writing = async (work: () => Promise<void>): Promise<void> => {
    if (readOnly) throw new LayerfsError("READ_ONLY", `${home} was opened read-only`);
    await work();
  };
  return {
    name: "vfs",
    home,
    traits: { layerForm: "full-tree", maxDepth: Number.MAX_SAFE_INTEGER, nativeDiff: false },
    create: (id, parent) => writing(() => create(layers, id, parent)),
    seal: (id) => writing(() => syncFileSystem(existing(layers, id))),
    remove: (id) => writing(() => removeLayerDirectory(pathOf(layers, id))),
    repair: async () => {},
    exists: async (id) => isDirectory(pathOf(layers, id)),
    list: async () => layerIDs(layers),
    place: (id) => ({ directory: existing(layers, id), lowers: [] }),
    plan: (id, options) => [
      { kind: "bind", source: existing(layers, id), target: options.target, readOnly: options.readOnly },
    ],
    identify: (path) => {
      const [, id = "", rest = ""] = /^dir\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
      return isLayerID(id) ? { id, path: rest } : null;
    },
    shortPath: () => null,
    status: () => [],
    data: () => null,
  };
}

async function create(layers: string, id: string, parent: string | null): Promise<void> {
  const directory = pathOf(layers, id);
  if (isDirectory(directory)) throw new LayerfsError("CONFLICT", `vfs layer ${id} is already there`);
  const source = parent === null ? null : existing(layers, parent);
  try {
    makeDirectory(directory, 0o755);
    if (source !== null) await copyTreeAsync(source, directory);
  } catch (error) {
    await removeLayerDirectory(directory);
    throw error;
  }
}

function pathOf(layers: string, id: string): string {
  checkLayerID(id);
  return join(layers, id);
}

function existing(layers: string, id: string): string {
  const directory = pathOf(layers, id);
  if (!isDirectory(directory)) throw new LayerfsError("NOT_FOUND", `vfs has no layer ${id}`);
  return directory;
}
