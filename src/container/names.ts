import { statSync } from "node:fs";
import { join } from "node:path";
import {
  CONTAINER_FILES,
  type ContainerStore,
  containersDirectory,
  listContainerIDs,
  readContainer,
} from "./container.ts";

/** A container's name as its record gave it, and which record that was. */
interface KnownName {
  readonly record: string;
  readonly name: string | null;
}

/** What was read last; a record that is replaced is another file. */
const known = new WeakMap<ContainerStore, ReadonlyMap<string, KnownName>>();

/** The names of all containers, each with its container's id. Records that did not change since are not read again. */
export function containerNames(store: ContainerStore): Map<string, string> {
  const before = known.get(store);
  const now = new Map<string, KnownName>();
  const names = new Map<string, string>();
  for (const id of listContainerIDs(store)) {
    const record = identityOf(join(containersDirectory(store), id, CONTAINER_FILES.config));
    if (record === null) continue;
    const last = before?.get(id);
    const entry = last?.record === record ? last : { record, name: readContainer(store, id)?.name ?? null };
    now.set(id, entry);
    if (entry.name !== null && !names.has(entry.name)) names.set(entry.name, id);
  }
  known.set(store, now);
  return names;
}

function identityOf(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.ctimeNs} ${stat.size}`;
}
