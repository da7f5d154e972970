import { type Container, type ContainerState, listContainers } from "../../container/container.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { asRecord } from "../../core/json-record.ts";
import { compareTimespec } from "../../core/timespec.ts";
import { resolveImage } from "../../image/resolve.ts";
import type { Stores } from "../stores.ts";
import { type ContainerFilters, containerFilter, createdTime, labelsOf, networksOf } from "./container-filter.ts";

/** A row of `docker ps`. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string | null;
  /** As the user named it, or its id where that name has gone to another image. */
  readonly image: string;
  readonly imageID: Digest | null;
  /** Path and arguments. */
  readonly command: string;
  /** RFC 3339. */
  readonly created: string | null;
  readonly state: ContainerState;
  readonly exitCode: number;
  /** RFC 3339; null where it was never started, or has not ended. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of volumes and paths of this machine that are mounted in it. */
  readonly mounts: readonly string[];
  /** Volumes among them. */
  readonly localVolumes: number;
  readonly networks: readonly string[];
}

/**
 * Newest first; equal times by id. Containers whose record is damaged are left out, as by Docker, whose rules the filters
 * follow too (moby, daemon/list.go). Fails with NOT_FOUND for a container that `before` or `since` does not find.
 */
export function summarizeContainers(stores: Stores, filters: ContainerFilters = {}): ContainerSummary[] {
  const matches = containerFilter(stores, filters);
  const found = listContainers(stores)
    .filter((container) => container.name !== null)
    .filter(matches)
    .sort((a, b) => compareTimespec(createdTime(b), createdTime(a)) || (a.id < b.id ? -1 : 1));
  return found.slice(0, filters.last ?? found.length).map((container) => summarize(stores, container));
}

function summarize(stores: Stores, container: Container): ContainerSummary {
  const { id, name, image, created, state, document } = container;
  const { ExitCode, StartedAt, FinishedAt } = asRecord(document.State);
  const points = Object.values(asRecord(document.MountPoints)).map(asRecord);
  return {
    id,
    name,
    image: imageName(stores, container),
    imageID: image,
    command: [document.Path, ...list(document.Args).map(quoted)].join(" "),
    created,
    state,
    exitCode: typeof ExitCode === "number" ? ExitCode : 0,
    startedAt: time(StartedAt),
    finishedAt: time(FinishedAt),
    labels: labelsOf(container),
    mounts: points.map(({ Name, Source }) => String(Name || Source)),
    localVolumes: points.filter(({ Driver }) => Driver === "local").length,
    networks: networksOf(container),
  };
}

/** Docker shows the image's id where the name is another image's by now, or nobody's. */
function imageName(stores: Stores, { config, image }: Container): string {
  const given = typeof config.Image === "string" ? config.Image : "";
  if (image === null || given === image) return given;
  try {
    return resolveImage(stores.images, given).id === image ? given : image;
  } catch (error) {
    if (error instanceof LayerfsError) return image;
    throw error;
  }
}

function quoted(argument: string): string {
  return argument.includes(" ") ? `'${argument}'` : argument;
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function time(value: unknown): string | null {
  return typeof value === "string" && !value.startsWith("0001-01-01T") ? value : null;
}
