import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError } from "../core/errors.ts";
import { asRecord, type JsonRecord } from "../core/json-record.ts";
import { type ContainerRecord, readContainerRecord } from "../layer/container-records.ts";
import { readNames } from "../layer/records.ts";
import type { LayerStore } from "../layer/store.ts";
import type { MountHolders } from "../mount/holders.ts";
import { readIfThere } from "../sys/read-if-there.ts";

/** A container in the words of `docker ps`. */
export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** A container of the data root, whoever made it (moby, container/container.go). It is read-only: a picture of the disk. */
export interface Container {
  /** 64 hex digits. */
  readonly id: string;
  /** Without the `/` that Docker's records begin it with; null where the record is damaged. */
  readonly name: string | null;
  /** RFC 3339; null where the record is damaged. */
  readonly created: string | null;
  /** The image it was made of; null where its record does not tell, which leaves `layer.parent`. */
  readonly image: Digest | null;
  readonly state: ContainerState;
  /** `config.v2.json` and `hostconfig.json`, with fields that are not known here; empty where they are damaged. */
  readonly document: JsonRecord;
  readonly hostConfig: JsonRecord;
  /** How it runs: `Config` of the document. */
  readonly config: JsonRecord;
  /** The driver's ids of its read-write layer and init layer, and the image's topmost chainID. */
  readonly layer: ContainerRecord;
}

/** Where the containers of a data root lie. It keeps nothing in memory. */
export interface ContainerStore {
  readonly root: string;
  readonly layers: LayerStore;
  readonly holders: MountHolders;
}

/** Other names in Docker's directories of containers are of no container. */
export function isContainerID(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

/** `<root>/containers`, one directory a container. */
export function containersDirectory(store: ContainerStore): string {
  return join(store.root, "containers");
}

/** Names in a container's directory. */
export const CONTAINER_FILES = { config: "config.v2.json", hostConfig: "hostconfig.json" };

/** All containers, by id. Those of other drivers are none, as for dockerd. */
export function listContainers(store: ContainerStore): Container[] {
  return listContainerIDs(store).flatMap((id) => readContainer(store, id) ?? []);
}

/** Of other drivers' containers too. */
export function listContainerIDs(store: ContainerStore): string[] {
  return readNames(containersDirectory(store)).filter(isContainerID).sort();
}

/** null where there is none. */
export function readContainer(store: ContainerStore, id: string): Container | null {
  const directory = join(containersDirectory(store), id);
  const text = readIfThere(join(directory, CONTAINER_FILES.config));
  if (text === null && !existsSync(directory)) return null;
  const document = parseRecord(text);
  const { Name: name, Created: created, Image: image, State: state, Driver: driver, Config: config } = document;
  if (typeof driver === "string" && driver !== store.layers.driver.name) return null;
  return {
    id,
    name: typeof name === "string" ? name.replace(/^\//, "") : null,
    created: typeof created === "string" ? created : null,
    image: asDigest(image),
    state: stateOf(asRecord(state)),
    document,
    hostConfig: parseRecord(readIfThere(join(directory, CONTAINER_FILES.hostConfig))),
    config: asRecord(config),
    layer: readLayer(store, id),
  };
}

export function isRunning({ state }: Container): boolean {
  return state === "running" || state === "paused" || state === "restarting";
}

/** Of a damaged record nothing is known. */
function readLayer(store: ContainerStore, id: string): ContainerRecord {
  try {
    return readContainerRecord(store.layers.layout, id);
  } catch (error) {
    if (isLayerfsError(error, "INVALID_DIGEST")) return { id, mountID: null, initID: null, parent: null };
    throw error;
  }
}

/** The rules of moby, container/state.go. */
function stateOf(state: JsonRecord): ContainerState {
  const { Running, Paused, Restarting, RemovalInProgress, Dead, StartedAt, Pid } = state;
  if (Running === true && isAlive(Pid))
    return Paused === true ? "paused" : Restarting === true ? "restarting" : "running";
  if (RemovalInProgress === true) return "removing";
  if (Dead === true) return "dead";
  const neverStarted = typeof StartedAt !== "string" || StartedAt.startsWith("0001-01-01T00:00:00");
  return neverStarted ? "created" : "exited";
}

/** After a crash of dockerd the config says `Running` of processes that have ended. */
function isAlive(pid: unknown): boolean {
  return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && existsSync(`/proc/${pid}`);
}

function parseRecord(text: string | null): JsonRecord {
  if (text === null) return {};
  try {
    return asRecord(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function asDigest(value: unknown): Digest | null {
  if (typeof value !== "string") return null;
  try {
    return parseDigest(value);
  } catch (error) {
    if (isLayerfsError(error, "INVALID_DIGEST")) return null;
    throw error;
  }
}
