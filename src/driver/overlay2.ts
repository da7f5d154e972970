import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { MAX_LOWERS } from "../sys/overlay.ts";
import { isPresent } from "../sys/plain-path.ts";
import type { CreateOptions, DriverContext, DriverEntry, LayerPlace, PlanOptions, StorageDriver } from "./driver.ts";
import { fileSystemName } from "./filesystem-names.ts";
import {
  attempt,
  ensureDirectory,
  isDirectory,
  layerIDs,
  makeDirectory,
  removeLayerDirectory,
  syncFileSystem,
} from "./layer-directories.ts";
import { checkLayerID } from "./layer-id.ts";
import {
  checkMount,
  examineNativeDiff,
  inUserNamespace,
  listsTypes,
  moduleParameter,
  mountOptions,
  supportsDType,
  sweepTestTrees,
} from "./overlay2-checks.ts";
import {
  identifyLayer,
  layerPaths,
  linkDirectory,
  newLinkName,
  readLinkName,
  readLowerLinks,
  removeLink,
  resolveLink,
  restoreLink,
  shortPath,
  writeLink,
  writeLower,
} from "./overlay2-layout.ts";
import type { MountStep } from "./plan.ts";
import { checkOptions } from "./storage-options.ts";

/**
 * Docker's overlay2: each layer a directory with its own files, joined by the kernel's overlayfs.
 *
 * A mount joins up to 500 layers, which is the kernel's limit. dockerd opens layers with at most 128 below them; images
 * deeper than that are for layerfs alone.
 */
export const overlay2: DriverEntry = { name: "overlay2", open };

async function open(context: DriverContext): Promise<StorageDriver> {
  checkOptions("overlay2", context.options, ["overlay2.override_kernel_check", "overlay2.size"]);
  if (context.options.has("overlay2.size")) {
    throw new LayerfsError("UNSUPPORTED", "storage option overlay2.size: layerfs sets no project quotas");
  }
  const home = join(context.root, "overlay2");
  const userNamespace = inUserNamespace();
  const tried = !context.readOnly || context.mayTry === true;
  const dType = tried ? tryOut(context.root, home, userNamespace) : null;
  if (!context.readOnly) prepare(context.root, home);
  return driver({ home, userNamespace, readOnly: context.readOnly, dType });
}

/** Tries what overlay2 needs, and leaves nothing. Returns whether the file system tells types in listings. */
function tryOut(root: string, home: string, userNamespace: boolean): boolean {
  const initialised = isDirectory(linkDirectory(home));
  const place = isDirectory(home) ? home : root;
  checkMount(place, mountOptions({ writable: true, userNamespace }));
  const dType = supportsDType(place);
  if (!dType && !initialised) {
    throw new LayerfsError(
      "DRIVER_UNSUPPORTED",
      `overlay2: the ${fileSystemName(place)} at ${place} does not tell file types in listings (d_type)`,
      { hint: "make the file system anew with d_type (xfs: ftype=1), or choose another driver with -s" },
    );
  }
  return dType;
}

function prepare(root: string, home: string): void {
  sweepTestTrees(root);
  ensureDirectory(home, 0o710);
  sweepTestTrees(home);
  ensureDirectory(linkDirectory(home), 0o700);
}

interface Settings {
  readonly home: string;
  readonly userNamespace: boolean;
  readonly readOnly: boolean;
  /** Null where nothing was tried. */
  readonly dType: boolean | null;
}

function driver(settings: Settings): StorageDriver {
  const { home, userNamespace } = settings;
  let nativeDiff: boolean | undefined;
  const isNativeDiff = (): boolean => {
    nativeDiff ??= settings.dType === null ? mayDiffNatively(userNamespace) : examine(home, userNamespace);
    return nativeDiff;
  };
  return {
    name: "overlay2",
    home,
    traits: {
      layerForm: "overlay-dir",
      maxDepth: MAX_LOWERS,
      get nativeDiff() {
        return isNativeDiff();
      },
    },
    create: (id, parent, options) => writing(settings, () => create(home, id, parent, options)),
    seal: (id, facts) => writing(settings, () => seal(home, id, facts?.cutsLowers ?? false)),
    remove: (id) => writing(settings, () => remove(home, id)),
    repair: () => writing(settings, async () => restoreLinks(home)),
    exists: async (id) => {
      checkLayerID(id);
      return isDirectory(layerPaths(home, id).directory);
    },
    list: async () => layerIDs(home),
    place: (id) => place(home, id),
    plan: (id, options) => plan(home, id, options, userNamespace),
    identify: (path) => identifyLayer(home, path),
    shortPath: (id) => {
      requireLayer(home, id);
      return shortPath(readLinkName(home, id));
    },
    status: () => status(settings, isNativeDiff),
    data: (id) => data(home, id),
  };
}

async function writing(settings: Settings, work: () => Promise<void>): Promise<void> {
  if (settings.readOnly) throw new LayerfsError("READ_ONLY", `${settings.home} was opened read-only`);
  await work();
}

async function create(home: string, id: string, parent: string | null, options: CreateOptions = {}): Promise<void> {
  checkLayerID(id);
  const paths = layerPaths(home, id);
  if (isDirectory(paths.directory)) throw new LayerfsError("CONFLICT", `overlay2 layer ${id} is already there`);
  const lowers = parent === null ? [] : lowersOfChild(home, parent);
  checkDepth(id, lowers.length + (options.readWrite ? 0 : 1));
  try {
    makeDirectory(paths.directory, 0o710);
    makeDirectory(paths.diff, 0o755);
    writeLink(home, id, newLinkName());
    if (parent !== null) {
      makeDirectory(paths.work, 0o700);
      writeLower(home, id, lowers);
      markCommitted(home, parent);
    }
    // A read-write layer is never sealed, so its records are made durable here.
    if (options.readWrite) await syncFileSystem(home);
  } catch (error) {
    await remove(home, id);
    throw error;
  }
}

function lowersOfChild(home: string, parent: string): string[] {
  requireLayer(home, parent);
  restoreLink(home, parent);
  return [readLinkName(home, parent), ...readLowerLinks(home, parent)];
}

function checkDepth(id: string, depth: number): void {
  if (depth <= MAX_LOWERS) return;
  throw new LayerfsError(
    "LIMIT_EXCEEDED",
    `overlay2 layer ${id} would be ${depth} layers deep, the most is ${MAX_LOWERS}`,
    {
      hint: "fewer layers are needed: export the image and import it as one layer",
    },
  );
}

/** Docker's mark of a layer that never changes again, and so is mounted read-only. */
function markCommitted(home: string, id: string): void {
  const path = layerPaths(home, id).committed;
  attempt("write", path, () => writeFileSync(path, "", { mode: 0o600, flag: "a" }));
}

async function seal(home: string, id: string, cutsLowers: boolean): Promise<void> {
  requireLayer(home, id);
  const { lower, work } = layerPaths(home, id);
  if (cutsLowers) {
    // Without them the layer is a lowest one, for dockerd too. overlayfs ignores an opaque mark on a layer's root.
    attempt("remove", lower, () => rmSync(lower, { force: true }));
    attempt("remove", work, () => rmSync(work, { recursive: true, force: true }));
    cutLowersOfChildren(home, id);
  }
  markCommitted(home, id);
  await syncFileSystem(home);
}

/** Layers that were already made on top, and are not sealed yet, end at this one too. */
function cutLowersOfChildren(home: string, id: string): void {
  const linkName = readLinkName(home, id);
  for (const child of layerIDs(home)) {
    const links = readLowerLinks(home, child);
    const depth = links.indexOf(linkName) + 1;
    if (depth === 0 || depth === links.length) continue;
    writeLower(home, child, links.slice(0, depth));
  }
}

async function remove(home: string, id: string): Promise<void> {
  checkLayerID(id);
  await removeLayerDirectory(layerPaths(home, id).directory, (renamed) => removeLink(home, id, renamed));
}

/** The links in `l/`, each from the name that its layer records. */
function restoreLinks(home: string): void {
  ensureDirectory(linkDirectory(home), 0o700);
  for (const id of layerIDs(home)) restoreLink(home, id);
}

function place(home: string, id: string): LayerPlace {
  requireLayer(home, id);
  requireLower(home, id);
  const lowers = readLowerLinks(home, id).map((linkName) => resolveLink(home, linkName));
  return { directory: layerPaths(home, id).diff, lowers };
}

function plan(home: string, id: string, options: PlanOptions, userNamespace: boolean): MountStep[] {
  const { directory, lowers } = place(home, id);
  const { target, readOnly } = options;
  const { committed, work } = layerPaths(home, id);
  if (!readOnly && isPresent(committed)) {
    throw new LayerfsError("CONFLICT", `overlay2 layer ${id} is sealed: it can only be mounted read-only`);
  }
  // overlayfs demands two directories, and a lone layer hides nothing.
  if (lowers.length === 0) return [{ kind: "bind", source: directory, target, readOnly }];
  const kernelOptions = mountOptions({ writable: !readOnly, userNamespace });
  if (readOnly) return [{ kind: "overlay", target, lowers: [directory, ...lowers], options: kernelOptions }];
  return [{ kind: "overlay", target, lowers, upper: { directory, work }, options: kernelOptions }];
}

/** The guess for a root where nothing may be tried, whose layers another program may have mounted with redirects. */
function mayDiffNatively(userNamespace: boolean): boolean {
  return !userNamespace && moduleParameter("redirect_dir") !== "Y";
}

function examine(home: string, userNamespace: boolean): boolean {
  return examineNativeDiff(home, mountOptions({ writable: true, userNamespace })).obstacle === null;
}

/** In the words and the order of `docker info`; what only a test can tell is left out where none was allowed. */
function status(settings: Settings, isNativeDiff: () => boolean): (readonly [string, string])[] {
  const { home, userNamespace } = settings;
  const wasTried = settings.dType !== null;
  const dType = settings.dType ?? (isDirectory(home) ? listsTypes(home) : null);
  const options = mountOptions({ writable: true, userNamespace });
  const metacopy = moduleParameter("metacopy") === "Y" && !options.includes("metacopy=off");
  return [
    ["Backing Filesystem", fileSystemName(isDirectory(home) ? home : dirname(home))],
    ...(dType === null ? [] : [["Supports d_type", String(dType)] as const]),
    ["Using metacopy", String(metacopy)],
    ...(!wasTried ? [] : [["Native Overlay Diff", String(isNativeDiff())] as const]),
    ["userxattr", String(userNamespace)],
  ];
}

function data(home: string, id: string): Record<string, string> {
  const { directory, lowers } = place(home, id);
  const { merged, work } = layerPaths(home, id);
  const below = lowers.length === 0 ? {} : { LowerDir: lowers.join(":") };
  return { ...below, MergedDir: merged, UpperDir: directory, WorkDir: work };
}

/** A layer without `lower` is a lowest one, and those have no work directory. */
function requireLower(home: string, id: string): void {
  const { lower, work } = layerPaths(home, id);
  if (isPresent(lower) || !isPresent(work)) return;
  throw new LayerfsError("CORRUPT_STORE", `${lower} is missing, so what lies below the layer is not known`, {
    hint: "load the image again",
  });
}

function requireLayer(home: string, id: string): void {
  checkLayerID(id);
  const { directory, diff } = layerPaths(home, id);
  if (!isDirectory(directory)) throw new LayerfsError("NOT_FOUND", `overlay2 has no layer ${id}`);
  if (!isDirectory(diff)) {
    throw new LayerfsError("CORRUPT_STORE", `${diff} is missing`, { hint: "load the image again" });
  }
}
