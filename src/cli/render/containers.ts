import { printable } from "../../core/errors.ts";
import type { ContainerSummary } from "../../engine/containers/list-containers.ts";
import { createdAt, humanAge, humanDuration } from "./duration.ts";
import { renderTable } from "./table.ts";

export interface ContainersView {
  /** Whole ids, commands and names of mounts. */
  readonly isFull: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const COLUMNS = [
  ["CONTAINER ID", "ID"],
  ["IMAGE", "Image"],
  ["COMMAND", "Command"],
  ["CREATED", "RunningFor"],
  ["STATUS", "Status"],
  ["PORTS", "Ports"],
  ["NAMES", "Names"],
] as const;

/** The table of `docker ps`. */
export function renderContainers(containers: readonly ContainerSummary[], view: ContainersView): string {
  const rows = containers.map((container) => {
    const fields = containerFields(container, view);
    return COLUMNS.map(([, field]) => printable(fields[field]));
  });
  return renderTable(
    COLUMNS.map(([heading]) => heading),
    rows,
  );
}

/** Ids alone, one a line, for other commands to take. */
export function renderContainerIDs(containers: readonly ContainerSummary[], view: ContainersView): string {
  return containers.map((container) => `${containerFields(container, view).ID}\n`).join("");
}

type Field =
  | "Command"
  | "CreatedAt"
  | "ID"
  | "Image"
  | "Labels"
  | "LocalVolumes"
  | "Mounts"
  | "Names"
  | "Networks"
  | "Ports"
  | "RunningFor"
  | "State"
  | "Status";

/** The fields that Docker gives to templates, with its values. */
export function containerFields(
  container: ContainerSummary,
  { isFull, now }: ContainersView,
): Readonly<Record<Field, string>> {
  const { id, image, command, created, labels, mounts, networks } = container;
  return {
    Command: JSON.stringify(isFull ? command : ellipsis(command, 20)),
    CreatedAt: createdAt(created),
    ID: isFull ? id : id.slice(0, 12),
    Image: isFull ? image : image.replace(/^sha256:([0-9a-f]{12})[0-9a-f]{52}$/, "$1"),
    Labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
    LocalVolumes: String(container.localVolumes),
    Mounts: mounts.map((mount) => (isFull ? mount : ellipsis(mount, 15))).join(","),
    Names: container.name ?? "",
    Networks: networks.join(","),
    Ports: "",
    RunningFor: humanAge(created, now),
    State: container.state,
    Status: statusOf(container, now),
  };
}

/** Docker's words (moby, container/state.go). */
function statusOf({ state, exitCode, startedAt, finishedAt }: ContainerSummary, now: number): string {
  const since = (time: string | null): string => (time === null ? "" : humanDuration((now - Date.parse(time)) / 1000));
  switch (state) {
    case "created":
      return "Created";
    case "dead":
      return "Dead";
    case "removing":
      return "Removal In Progress";
    case "running":
      return `Up ${since(startedAt)}`;
    case "paused":
      return `Up ${since(startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${exitCode}) ${since(finishedAt)} ago`;
    case "exited":
      return finishedAt === null ? "" : `Exited (${exitCode}) ${since(finishedAt)} ago`;
  }
}

/** At most so many characters, the last of them `…` where something is cut off. */
function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}
