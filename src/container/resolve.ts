import { LayerfsError, printable } from "../core/errors.ts";
import { type Container, type ContainerStore, listContainerIDs, readContainer } from "./container.ts";
import { containerNames } from "./names.ts";

/**
 * The container that `text` names, by Docker's order: its id in full, its name (a `/` before it does no harm), the
 * beginning of its id. Fails with NOT_FOUND, AMBIGUOUS.
 */
export function resolveContainer(store: ContainerStore, text: string): Container {
  if (text === "") throw new LayerfsError("USAGE", "No container name or ID supplied");
  const found = findContainer(store, text);
  if (found !== null) return found;
  throw new LayerfsError("NOT_FOUND", `No such container: ${printable(text)}`, {
    hint: "`layerfs ps -a` lists what is here",
  });
}

/** The same for a word that may be something else: null where no container has it. */
export function findContainer(store: ContainerStore, text: string): Container | null {
  if (!/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) return null;
  return byID(store, text) ?? byName(store, text) ?? byPrefix(store, text);
}

function byID(store: ContainerStore, text: string): Container | null {
  return /^[0-9a-f]{64}$/.test(text) ? readContainer(store, text) : null;
}

function byName(store: ContainerStore, text: string): Container | null {
  const id = containerNames(store).get(text.replace(/^\//, ""));
  return id === undefined ? null : readContainer(store, id);
}

function byPrefix(store: ContainerStore, text: string): Container | null {
  if (!/^[0-9a-f]{1,63}$/.test(text)) return null;
  const containers = listContainerIDs(store)
    .filter((id) => id.startsWith(text))
    .flatMap((id) => readContainer(store, id) ?? []);
  if (containers.length <= 1) return containers[0] ?? null;
  throw new LayerfsError("AMBIGUOUS", `multiple IDs found with provided prefix: ${text}`, {
    hint: "give more digits of the id",
  });
}
