import { digestOf } from "../../src/core/digest.ts";
import type { ContainerTasks } from "../../src/engine/containers/container-tasks.ts";
import type { ContainerInspection } from "../../src/engine/containers/inspect-container.ts";
import type { ContainerSummary } from "../../src/engine/containers/list-containers.ts";

export const CONTAINER_ID: string = "c0ffee".padEnd(64, "0");

export const CONTAINER_INSPECTION: ContainerInspection = {
  Id: CONTAINER_ID,
  Created: "2026-01-14T23:00:00Z",
  Path: "sh",
  Args: [],
  State: { Status: "created" },
  Image: digestOf("image"),
  Name: "/web",
  Driver: "overlay2",
  HostConfig: {},
  GraphDriver: { Data: null, Name: "overlay2" },
  Mounts: [],
  Config: {},
  NetworkSettings: {},
};

export const CONTAINERS: readonly ContainerSummary[] = [
  {
    id: CONTAINER_ID,
    name: "web",
    image: "nginx",
    imageID: digestOf("image"),
    command: "/docker-entrypoint.sh nginx -g 'daemon off;'",
    created: "2026-01-14T23:00:00Z",
    state: "created",
    exitCode: 0,
    startedAt: null,
    finishedAt: null,
    labels: { role: "web", tier: "" },
    mounts: ["data", "/host"],
    localVolumes: 1,
    networks: ["bridge"],
  },
  {
    id: "beef".padEnd(64, "0"),
    name: "job",
    image: digestOf("image"),
    imageID: digestOf("image"),
    command: "sh",
    created: "2026-01-14T00:00:00Z",
    state: "exited",
    exitCode: 3,
    startedAt: "2026-01-14T01:00:00Z",
    finishedAt: "2026-01-14T02:00:00Z",
    labels: {},
    mounts: [],
    localVolumes: 0,
    networks: ["none"],
  },
];

/** The part of the fake engine that has containers. */
export function fakeContainers(): ContainerTasks {
  return {
    createContainer: async (_image, { name = "quiet_harbor" } = {}) => ({ id: CONTAINER_ID, name }),
    containers: async () => [...CONTAINERS],
    inspectContainer: async () => CONTAINER_INSPECTION,
    removeContainer: async () => CONTAINER_ID,
    renameContainer: async () => {},
    diff: async () => [{ kind: "A", path: Buffer.from("/etc/a\nb\xff", "latin1") }],
    commit: async (_container, { reference } = {}) => ({ id: digestOf("image"), name: reference ?? null, layer: null }),
  };
}
