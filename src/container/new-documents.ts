import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { ImageConfig } from "../core/config.ts";
import { LayerfsError } from "../core/errors.ts";
import { asRecord, type JsonRecord } from "../core/json-record.ts";
import { normaliseRunConfig } from "../core/run-config.ts";
import { NO_TIME } from "../core/timespec.ts";
import { cleanPath } from "./mount-options.ts";
import type { PlannedMounts } from "./planned-mounts.ts";

/** What a container is made with; everything that is not said is the image's, or Docker's default. */
export interface ContainerOptions {
  /** Replaces the image's command. */
  readonly command?: readonly string[] | undefined;
  /** One word replaces the image's entrypoint; "" takes it away. */
  readonly entrypoint?: string | undefined;
  /** `NAME=VALUE`. */
  readonly env?: readonly string[] | undefined;
  readonly labels?: ReadonlyMap<string, string> | undefined;
  readonly user?: string | undefined;
  /** Absolute. It is made in the container where it is not there. */
  readonly workingDir?: string | undefined;
  readonly hostname?: string | undefined;
  readonly network?: "host" | "none" | undefined;
  readonly readOnly?: boolean | undefined;
  /** `[SOURCE:]DESTINATION[:MODE]`, as `docker create -v`. */
  readonly volumes?: readonly string[] | undefined;
  /** `DESTINATION[:OPTIONS]`. */
  readonly tmpfs?: readonly string[] | undefined;
}

/** What the documents are made of besides. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  /** The name was invented. */
  readonly isAnonymous: boolean;
  /** As the user named it. */
  readonly imageName: string;
  readonly image: ImageConfig;
  readonly driver: string;
  readonly created: string;
  readonly mounts: PlannedMounts;
}

/** `config.v2.json` of a container that was never started, as dockerd 20.10 writes it (moby, container/container.go). */
export function newConfigDocument(facts: ContainerFacts, options: ContainerOptions): JsonRecord {
  const { id, name, image, driver } = facts;
  const config = containerConfig(facts, options);
  const [path = "", ...args] = [...strings(config.Entrypoint), ...strings(config.Cmd)];
  if (path === "" && args.length === 0) throw new LayerfsError("USAGE", "No command specified");
  return {
    StreamConfig: {},
    State: NEVER_STARTED,
    ID: id,
    Created: facts.created,
    Managed: false,
    Path: path,
    Args: args,
    Config: config,
    Image: image.digest,
    NetworkSettings: networkSettings(options.network ?? "bridge", facts.isAnonymous),
    LogPath: "",
    Name: `/${name}`,
    Driver: driver,
    OS: image.os,
    MountLabel: "",
    ProcessLabel: "",
    RestartCount: 0,
    HasBeenStartedBefore: false,
    HasBeenManuallyStopped: false,
    MountPoints: Object.fromEntries(facts.mounts.points.map((point) => [point.Destination, point])),
    SecretReferences: null,
    ConfigReferences: null,
    AppArmorProfile: "",
    HostnamePath: "",
    HostsPath: "",
    ShmPath: "",
    ResolvConfPath: "",
    SeccompProfile: "",
    NoNewPrivileges: false,
    LocalLogCacheMeta: { HaveNotifyEnabled: false },
  };
}

/** `hostconfig.json`: what is said, in the midst of the client's and dockerd's defaults. */
export function newHostConfig({ mounts }: ContainerFacts, options: ContainerOptions): JsonRecord {
  const { binds, tmpfs } = mounts;
  return {
    ...HOST_CONFIG,
    Binds: binds.length === 0 ? null : binds,
    NetworkMode: options.network ?? "default",
    CgroupnsMode: existsSync("/sys/fs/cgroup/cgroup.controllers") ? "private" : "host",
    ReadonlyRootfs: options.readOnly ?? false,
    Tmpfs: tmpfs.length === 0 ? undefined : Object.fromEntries(tmpfs),
  };
}

/** The user's words over the image's (moby, daemon/commit.go, `merge`). */
function containerConfig({ id, imageName, image, mounts }: ContainerFacts, options: ContainerOptions): JsonRecord {
  const of = asRecord(image.raw.config);
  const command = options.command?.length ? options.command : undefined;
  const replacesEntrypoint = options.entrypoint !== undefined;
  const entrypoint = options.entrypoint === "" ? null : options.entrypoint && [options.entrypoint];
  const env = mergeEnv(options.env ?? [], image.config.env);
  const labels = { ...Object.fromEntries(image.config.labels), ...Object.fromEntries(options.labels ?? []) };
  return normaliseRunConfig({
    Hostname: options.hostname ?? (options.network === "host" ? hostname() : id.slice(0, 12)),
    User: options.user || image.config.user,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: of.ExposedPorts,
    Env: env.length === 0 ? null : env,
    Cmd: command ?? (replacesEntrypoint ? null : of.Cmd),
    Healthcheck: of.Healthcheck,
    Image: imageName,
    Volumes:
      mounts.volumes.length === 0 ? null : Object.fromEntries(mounts.volumes.map((destination) => [destination, {}])),
    WorkingDir: workingDirectory(image, options),
    Entrypoint: replacesEntrypoint ? entrypoint : of.Entrypoint,
    Labels: labels,
    StopSignal: image.config.stopSignal,
    StopTimeout: of.StopTimeout,
    Shell: of.Shell,
  });
}

/** Absolute and clean; undefined where neither the user nor the image says one. */
export function workingDirectory(image: ImageConfig, { workingDir }: ContainerOptions): string | undefined {
  const path = workingDir || image.config.workingDir;
  return path === undefined ? undefined : cleanPath(path);
}

/**
 * Variables as `NAME=value`: all of `own`, and those of the image whose names are not among them. Of values of one name the
 * last is there, in the place of the first.
 */
export function mergeEnv(own: readonly string[], images: readonly string[]): string[] {
  const nameOf = (text: string): string => text.split("=", 1)[0] as string;
  const values = new Map(own.map((text) => [nameOf(text), text]));
  return [...values.values(), ...images.filter((text) => !values.has(nameOf(text)))];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

const NEVER_STARTED: JsonRecord = {
  Running: false,
  Paused: false,
  Restarting: false,
  OOMKilled: false,
  RemovalInProgress: false,
  Dead: false,
  Pid: 0,
  ExitCode: 0,
  Error: "",
  StartedAt: NO_TIME,
  FinishedAt: NO_TIME,
  Health: null,
};

function networkSettings(network: string, isAnonymous: boolean): JsonRecord {
  return {
    Bridge: "",
    SandboxID: "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    Networks: { [network]: ENDPOINT },
    Service: null,
    Ports: null,
    SandboxKey: "",
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    IsAnonymousEndpoint: isAnonymous,
    HasSwarmEndpoint: false,
  };
}

const ENDPOINT: JsonRecord = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  MacAddress: "",
  DriverOpts: null,
  IPAMOperational: false,
};

const HOST_CONFIG: JsonRecord = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "json-file", Config: {} },
  NetworkMode: "default",
  PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "host",
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "private",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  // Its place; absent where there is none.
  Tmpfs: undefined,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 64 * 2 ** 20,
  Runtime: "runc",
  ConsoleSize: [0, 0],
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  KernelMemory: 0,
  KernelMemoryTCP: 0,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: [],
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: [
    ...["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
    ...["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
  ],
  ReadonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
};
