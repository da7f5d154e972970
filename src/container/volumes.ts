import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import { asRecord, isRecord } from "../core/json-record.ts";
import type { OpenTree } from "../mount/detached.ts";
import { check, tryOpenat2 } from "../sys/at.ts";
import { copyTreeAsync } from "../sys/copy-tree.ts";
import { ENOENT, ENOTDIR } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_RDONLY, RESOLVE_IN_ROOT } from "../sys/flags.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import { type Container, type ContainerStore, listContainers } from "./container.ts";
import type { PlannedMounts } from "./planned-mounts.ts";

/** Docker's volumes of its `local` driver: `<root>/volumes/<name>/_data`. */
export function volumesDirectory({ root }: ContainerStore): string {
  return join(root, "volumes");
}

/**
 * Makes the volumes of a new container. An empty one gets what the image has in its place, unless the user said `nocopy`.
 * What is made is noted before under the lease's `workName`, for `removeNotedVolumes`. Fails with CONFLICT where the
 * image has something else than a directory in a volume's place.
 */
export async function makeVolumes(
  store: ContainerStore,
  workName: string,
  id: string,
  { points }: PlannedMounts,
  tree: OpenTree,
): Promise<void> {
  const volumes = points.filter(({ Type }) => Type === "volume");
  const anonymous = volumes.filter(isAnonymous).map(({ Name }) => Name);
  noteVolumes(store, workName, id, anonymous);
  for (const point of volumes) {
    const source = openPlace(tree, point.Destination);
    try {
      const data = makeVolume(store, point.Name);
      const isWanted = asRecord(asRecord(point.Spec).VolumeOptions).NoCopy !== true;
      if (source !== null && isWanted && readdirSync(data).length === 0) {
        await copyTreeAsync(`/proc/self/fd/${source}/.`, data);
      }
    } finally {
      if (source !== null) close(source);
    }
  }
}

/** The names of a container's volumes that got their names from Docker or layerfs, and that no other container has. */
export function ownVolumes(store: ContainerStore, container: Container): string[] {
  const names = Object.values(asRecord(container.document.MountPoints)).flatMap((point) => {
    const isOwn = isRecord(point) && point.Type === "volume" && point.Driver === "local" && isAnonymous(point);
    return isOwn ? [String(point.Name)] : [];
  });
  if (names.length === 0) return [];
  const others = listContainers(store).filter(({ id }) => id !== container.id);
  const used = new Set(others.flatMap(({ document }) => Object.values(asRecord(document.MountPoints)).map(nameOf)));
  return names.filter((name) => !used.has(name));
}

function removeVolumes(store: ContainerStore, names: readonly string[]): void {
  for (const name of names) {
    if (/^[0-9a-f]{64}$/.test(name)) rmSync(join(volumesDirectory(store), name), { recursive: true, force: true });
  }
}

/**
 * Notes under a lease's `workName` which volumes shall not be there without the container: before they are made with it, and
 * before it is removed with them.
 */
export function noteVolumes(store: ContainerStore, workName: string, id: string, volumes: readonly string[]): void {
  if (volumes.length > 0) writeFileSync(notePath(store, workName), JSON.stringify({ id, volumes }));
}

/** What was noted is done. */
export function forgetNotedVolumes(store: ContainerStore, workName: string): void {
  rmSync(notePath(store, workName), { force: true });
}

/** Removes the volumes that a lease's owner noted for a container that is not there. */
export function removeNotedVolumes(
  store: ContainerStore,
  workName: string,
  isWhole: (container: string) => boolean,
): void {
  const text = readIfThere(notePath(store, workName));
  // A crash can leave it empty; then no volume was made either.
  if (text === null || !text.endsWith("}")) return;
  const { id, volumes } = JSON.parse(text) as { readonly id: string; readonly volumes: readonly string[] };
  if (!isWhole(id)) removeVolumes(store, volumes);
}

function notePath({ layers: { layout } }: ContainerStore, workName: string): string {
  return join(layout.tmp, `${workName}-volumes.json`);
}

/** Docker names them by 64 hex digits, and they have no source in the words of the user. */
function isAnonymous({ Name, Spec }: { readonly Name?: unknown; readonly Spec?: unknown }): boolean {
  return typeof Name === "string" && /^[0-9a-f]{64}$/.test(Name) && asRecord(Spec).Source === undefined;
}

function nameOf(point: unknown): unknown {
  return asRecord(point).Name;
}

function makeVolume(store: ContainerStore, name: string): string {
  const directory = join(volumesDirectory(store), name);
  const data = join(directory, "_data");
  makeDirectories(volumesDirectory(store), 0o701);
  for (const [path, mode] of [
    [directory, 0o701],
    [data, 0o755],
  ] as const) {
    try {
      mkdirSync(path);
      chmodSync(path, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return data;
}

/** A directory of the container, symlinks resolved inside it; null where nothing is there. */
function openPlace(tree: OpenTree, destination: string): number | null {
  const fd = tryOpenat2(tree.fd, Buffer.from(destination), O_RDONLY | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
  if (fd === -ENOENT) return null;
  if (fd !== -ENOTDIR) return check(fd, "open directory", destination);
  throw new LayerfsError("CONFLICT", `cannot mount volume over existing file, file exists ${printable(destination)}`);
}
