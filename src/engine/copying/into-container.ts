import { decompress } from "../../compression/decompress.ts";
import { type OpenedContainer, resolveInContainer } from "../../container/container-path.ts";
import { containerOwner } from "../../container/owner.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import { check, tryOpenat } from "../../sys/at.ts";
import { O_DIRECTORY, O_RDONLY } from "../../sys/flags.ts";
import type { RootPlace } from "../../sys/resolve-in-root.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { cleanPath } from "../../union/entry-path.ts";
import type { CopySource } from "./copy-source.ts";
import { writeTree } from "./write-tree.ts";

/** A container's tree that may be changed. */
export interface WritableContainer extends OpenedContainer {
  /** As in `WriteTreeOptions`. */
  readonly ignoreOwners: boolean;
}

export interface IntoContainerOptions {
  /** Where the container has a user of its own, all becomes that user's, as in Docker. */
  readonly keepOwners?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CopiedIn {
  readonly warnings: readonly Warning[];
}

/**
 * Copies a node with all below it into a container, by the rules of `docker cp`: into a directory that is there, else under
 * the destination's name; files and links replace such; directories merge. Owners, modes, times, links and attributes are
 * kept. A symlink in the last place of `path` is followed, also to what is not there yet.
 *
 * Each file appears when it is whole; what was copied stays after a failure. Codes: NOT_FOUND, CONFLICT (a directory would
 * replace what is none, or the other way round), READ_ONLY, NO_SPACE, and what the system says.
 */
export async function copyIntoContainer(
  opened: WritableContainer,
  source: CopySource,
  path: string,
  options: IntoContainerOptions,
): Promise<CopiedIn> {
  using place = destinationOf(opened, path);
  const { names, withStart } = targetOf(source, place, path);
  const tar = source.tar({ name: joined(names), withStart });
  return await write(opened, tar, ownerChange(opened, options), options);
}

/**
 * Adds the entries of any tar, plain or compressed, to a directory of a container; otherwise as `copyIntoContainer`. No name
 * leads above that directory.
 */
export async function extractIntoContainer(
  opened: WritableContainer,
  tar: AsyncIterable<Uint8Array>,
  path: string,
  options: IntoContainerOptions,
): Promise<CopiedIn> {
  using place = destinationOf(opened, path);
  if (place.stat?.kind !== "directory") {
    const { name, id } = opened.container;
    throw new LayerfsError("CONFLICT", `destination "${name ?? id}:${printable(path)}" must be a directory`);
  }
  const own = ownerChange(opened, options);
  const below = (entry: TarEntry): TarEntry => own(entryBelow(place.names, entry));
  return await write(opened, decompress(tar), below, options);
}

async function write(
  { root, ignoreOwners }: WritableContainer,
  tar: AsyncIterable<Buffer>,
  change: (entry: TarEntry) => TarEntry,
  { signal }: IntoContainerOptions,
): Promise<CopiedIn> {
  const fd = check(tryOpenat(root, Buffer.from("."), O_RDONLY | O_DIRECTORY), "open directory", "/");
  const { warnings } = await writeTree(fd, tar, { ignoreOwners, nameWhenWhole: true, change, signal });
  return { warnings };
}

function destinationOf(opened: WritableContainer, path: string): RootPlace {
  if (path === "")
    throw new LayerfsError("USAGE", "the path in the container cannot be empty", { hint: "its root is /" });
  if (opened.container.hostConfig.ReadonlyRootfs === true) {
    throw new LayerfsError("READ_ONLY", "container rootfs is marked read-only");
  }
  try {
    return resolveInContainer(opened, path, { followLast: true });
  } catch (error) {
    if (!isLayerfsError(error, "NOT_FOUND") || error.errno !== "ENOTDIR") throw error;
    throw asksForDirectory(path) ? noDirectory(path) : notADirectory(error);
  }
}

function targetOf(
  { isDirectory, contentOnly, name }: CopySource,
  { names, stat }: RootPlace,
  path: string,
): { names: readonly Buffer[]; withStart: boolean } {
  if (stat?.kind === "directory") {
    return contentOnly ? { names, withStart: false } : { names: [...names, name], withStart: true };
  }
  if (stat?.kind === "char" || stat?.kind === "block") {
    throw new LayerfsError("CONFLICT", `${printable(path)} must be a directory or a regular file: got a device`);
  }
  if (stat !== null && isDirectory) {
    throw new LayerfsError("CONFLICT", `cannot copy directory: ${printable(path)} is no directory`);
  }
  if (stat === null && !isDirectory && asksForDirectory(path)) throw noDirectory(path);
  return { names, withStart: true };
}

function asksForDirectory(path: string): boolean {
  return /\/\.?$/.test(path);
}

function noDirectory(path: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", `no such directory: ${printable(path)}`, { errno: "ENOENT" });
}

function notADirectory({ message, errno }: LayerfsError): LayerfsError {
  return new LayerfsError("NOT_FOUND", `extraction point is not a directory: ${message}`, { errno });
}

function ownerChange(
  { container, root }: OpenedContainer,
  { keepOwners = false }: IntoContainerOptions,
): (entry: TarEntry) => TarEntry {
  const { User: user } = container.config;
  if (!keepOwners || typeof user !== "string" || user === "") return (entry) => entry;
  const owner = containerOwner(root, user);
  return (entry) => ({ ...entry, ...owner });
}

function entryBelow(names: readonly Buffer[], entry: TarEntry): TarEntry {
  const below = (path: Buffer): Buffer => joined([...names, ...cleanPath(path)]);
  const linkname = entry.kind === "hardlink" ? below(entry.linkname) : entry.linkname;
  return { ...entry, name: below(entry.name), linkname };
}

function joined(names: readonly Buffer[]): Buffer {
  return Buffer.concat(names.flatMap((name, index) => (index === 0 ? [name] : [SLASH, name])));
}

const SLASH = Buffer.from("/");
