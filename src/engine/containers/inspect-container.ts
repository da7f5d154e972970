import { join } from "node:path";
import { type Container, isRunning } from "../../container/container.ts";
import { resolveContainer } from "../../container/resolve.ts";
import { volumesDirectory } from "../../container/volumes.ts";
import { isLayerfsError } from "../../core/errors.ts";
import { asRecord, type JsonRecord } from "../../core/json-record.ts";
import { normaliseRunConfig } from "../../core/run-config.ts";
import type { Stores } from "../stores.ts";

/** A container as `docker inspect` of Docker 20.10 shows it: the same fields in the same order. */
export interface ContainerInspection {
  readonly Id: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: JsonRecord;
  readonly Image: string;
  readonly Name: string;
  readonly Driver: string;
  readonly HostConfig: JsonRecord;
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string };
  readonly Mounts: readonly JsonRecord[];
  readonly Config: JsonRecord;
  readonly NetworkSettings: JsonRecord;
  readonly [field: string]: unknown;
}

/** Fails with NOT_FOUND, AMBIGUOUS. */
export function inspectContainer(stores: Stores, text: string): ContainerInspection {
  const container = resolveContainer(stores, text);
  const { id, document, hostConfig } = container;
  const field = (name: string): string => (typeof document[name] === "string" ? document[name] : "");
  return {
    Id: id,
    Created: field("Created"),
    Path: field("Path"),
    Args: Array.isArray(document.Args) ? document.Args : [],
    State: stateOf(container),
    Image: field("Image"),
    ResolvConfPath: field("ResolvConfPath"),
    HostnamePath: field("HostnamePath"),
    HostsPath: field("HostsPath"),
    LogPath: field("LogPath"),
    Name: field("Name"),
    RestartCount: Number(document.RestartCount ?? 0),
    Driver: field("Driver"),
    Platform: field("OS"),
    MountLabel: field("MountLabel"),
    ProcessLabel: field("ProcessLabel"),
    AppArmorProfile: field("AppArmorProfile"),
    ExecIDs: null,
    HostConfig: hostConfig,
    GraphDriver: { Data: driverData(stores, container), Name: stores.layers.driver.name },
    Mounts: Object.values(asRecord(document.MountPoints)).map((point) => mountOf(stores, asRecord(point))),
    Config: normaliseRunConfig(container.config),
    NetworkSettings: networkSettings(asRecord(document.NetworkSettings)),
  };
}

function stateOf(container: Container): JsonRecord {
  const { RemovalInProgress: _, Health, ...state } = asRecord(container.document.State);
  const health = Health === null || Health === undefined ? {} : { Health };
  return { Status: container.state, ...state, Running: isRunning(container), ...health };
}

/** Null where the driver keeps none, and where the container's layers are missing. */
function driverData({ layers: { driver } }: Stores, { layer }: Container): Readonly<Record<string, string>> | null {
  if (layer.mountID === null) return null;
  try {
    return driver.data(layer.mountID);
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND") || isLayerfsError(error, "CORRUPT_STORE")) return null;
    throw error;
  }
}

function mountOf(stores: Stores, point: JsonRecord): JsonRecord {
  const { Type, Name, Source, Destination, Driver, Relabel, RW, Propagation } = point;
  const directory = Type === "volume" ? join(volumesDirectory(stores), String(Name), "_data") : Source;
  return {
    Type,
    ...(Name ? { Name } : {}),
    Source: Source || directory,
    Destination,
    ...(Driver ? { Driver } : {}),
    Mode: Relabel ?? "",
    RW,
    Propagation: Propagation ?? "",
  };
}

/** The first network's address is shown outside of the list, too, for who has always looked there. */
function networkSettings(settings: JsonRecord): JsonRecord {
  const networks = Object.entries(asRecord(settings.Networks)).map(([name, value]) => {
    const { IPAMOperational: _, ...endpoint } = asRecord(value);
    return [name, endpoint] as const;
  });
  const bridge = asRecord(networks.find(([name]) => name === "bridge")?.[1]);
  const address = (name: string, empty: string | number): unknown => bridge[name] ?? empty;
  return {
    Bridge: settings.Bridge ?? "",
    SandboxID: settings.SandboxID ?? "",
    HairpinMode: settings.HairpinMode ?? false,
    LinkLocalIPv6Address: settings.LinkLocalIPv6Address ?? "",
    LinkLocalIPv6PrefixLen: settings.LinkLocalIPv6PrefixLen ?? 0,
    Ports: settings.Ports ?? {},
    SandboxKey: settings.SandboxKey ?? "",
    SecondaryIPAddresses: settings.SecondaryIPAddresses ?? null,
    SecondaryIPv6Addresses: settings.SecondaryIPv6Addresses ?? null,
    EndpointID: address("EndpointID", ""),
    Gateway: address("Gateway", ""),
    GlobalIPv6Address: address("GlobalIPv6Address", ""),
    GlobalIPv6PrefixLen: address("GlobalIPv6PrefixLen", 0),
    IPAddress: address("IPAddress", ""),
    IPPrefixLen: address("IPPrefixLen", 0),
    IPv6Gateway: address("IPv6Gateway", ""),
    MacAddress: address("MacAddress", ""),
    Networks: Object.fromEntries(networks),
  };
}
