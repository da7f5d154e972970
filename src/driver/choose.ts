import { join } from "node:path";
import { isLayerfsError, LayerfsError, printable } from "../core/errors.ts";
import { readPlainNames } from "../sys/plain-path.ts";
import type { DriverContext, DriverEntry, StorageDriver } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { attempt, isDirectory, layerIDs } from "./layer-directories.ts";

export interface DriverChoice {
  readonly driver: StorageDriver;
  /** Why this driver, one sentence without a full stop, for `info`. */
  readonly reason: string;
  /** Drivers that were tried before it on an empty data root, and why they do not work here. */
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
}

export interface ChoiceContext extends DriverContext {
  /** `-s NAME`: this driver or none. */
  readonly name?: string | undefined;
}

/**
 * Opens the storage driver of a data root.
 *
 * A named driver is opened or the failure is final (USAGE for an unknown name). Otherwise the driver with prior state
 * in the root is opened, and again a failure is final, for with another one its images would seem to be gone; state of
 * two drivers is a CONFLICT, and state of one that layerfs does not have is UNSUPPORTED. In an empty root the first of
 * `entries` that works is taken; if none does, DRIVER_UNSUPPORTED says why for each.
 */
export async function chooseDriver(
  context: ChoiceContext,
  entries: readonly DriverEntry[] = drivers,
): Promise<DriverChoice> {
  const { name, root } = context;
  if (name !== undefined) {
    return { driver: await named(entries, name).open(context), reason: "it was asked for", rejected: [] };
  }
  const owner = priorOwner(root, entries);
  if (owner === null) return chooseFirst(context, entries);
  const driver = await named(entries, owner).open(context);
  return { driver, reason: `${join(root, owner)} holds its layers`, rejected: [] };
}

/** Names of the drivers whose state lies in a data root, whether layerfs has them or not. */
export function driversWithState(root: string, entries: readonly DriverEntry[] = drivers): string[] {
  const names = new Set([...entries.map((entry) => entry.name), ...DOCKERS]);
  return [...names].filter((name) => hasState(root, name));
}

/** Docker's drivers of all times: a root of one that layerfs lacks must not be taken for an empty one. */
const DOCKERS = ["overlay2", "fuse-overlayfs", "btrfs", "zfs", "aufs", "overlay", "devicemapper", "vfs"];

/** What drivers leave behind by merely starting. */
const NOT_STATE = /^l$|^dir$|^check-|^backingFsBlockDev$/;

function hasState(root: string, name: string): boolean {
  const home = join(root, name);
  if (!isDirectory(home)) return false;
  if (name === "vfs") return layerIDs(join(home, "dir")).length > 0;
  return attempt("read directory", home, () => readPlainNames(home)).some((entry) => !NOT_STATE.test(entry));
}

/** As in Docker, vfs never contends with another driver. */
function priorOwner(root: string, entries: readonly DriverEntry[]): string | null {
  const found = driversWithState(root, entries);
  const owners = found.length > 1 ? found.filter((name) => name !== "vfs") : found;
  if (owners.length > 1) {
    throw new LayerfsError("CONFLICT", `${root} holds layers of several storage drivers: ${owners.join(", ")}`, {
      hint: `choose one with -s, such as -s ${owners[0]}`,
    });
  }
  const [owner] = owners;
  if (owner !== undefined && !entries.some((entry) => entry.name === owner)) {
    throw new LayerfsError(
      "UNSUPPORTED",
      `${root} holds layers of ${owner}, a storage driver that layerfs does not have`,
      {
        hint: `known drivers: ${namesOf(entries)}; use another --root, or choose a driver with -s`,
      },
    );
  }
  return owner ?? null;
}

async function chooseFirst(context: ChoiceContext, entries: readonly DriverEntry[]): Promise<DriverChoice> {
  const rejected: { name: string; reason: string }[] = [];
  for (const entry of entries) {
    try {
      const driver = await entry.open(context);
      return { driver, reason: "it is the first that works here", rejected };
    } catch (error) {
      if (!isLayerfsError(error, "DRIVER_UNSUPPORTED")) throw error;
      rejected.push({ name: entry.name, reason: error.message });
    }
  }
  const reasons = rejected.map(({ reason }) => reason).join("; ");
  throw new LayerfsError("DRIVER_UNSUPPORTED", `no storage driver works at ${context.root}: ${reasons}`);
}

function named(entries: readonly DriverEntry[], name: string): DriverEntry {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  throw new LayerfsError("USAGE", `storage driver "${printable(name)}" is unknown`, {
    hint: `known drivers: ${namesOf(entries)}`,
  });
}

function namesOf(entries: readonly DriverEntry[]): string {
  return entries.map((entry) => entry.name).join(", ");
}
