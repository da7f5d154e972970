import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { ImageConfig } from "../core/config.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import type { JsonRecord } from "../core/json-record.ts";
import { cleanPath, PROPAGATIONS, parseTmpfs, parseVolume, type VolumeOption } from "./mount-options.ts";

/** What is mounted in a container when it runs. */
export interface PlannedMounts {
  /** `MountPoints` of config.v2.json. */
  readonly points: readonly MountPoint[];
  /** `Binds` of hostconfig.json: the words of the user. */
  readonly binds: readonly string[];
  /** Destinations of the volumes that the user or the image wants without naming them, as they were given. */
  readonly volumes: readonly string[];
  readonly tmpfs: readonly (readonly [destination: string, options: string])[];
}

/** An entry of `MountPoints` in config.v2.json (moby, volume/mounts/mounts.go). */
export interface MountPoint extends JsonRecord {
  readonly Destination: string;
  readonly Name: string;
  readonly Type: "bind" | "volume";
}

/** `volume`: name and directory of what is no bind. */
function mountPoint(option: VolumeOption, volume: { readonly name: string; readonly directory: string }): MountPoint {
  const { kind, source, destination: target, mode } = option;
  const isBind = kind === "bind";
  const propagation = mode.find((word) => PROPAGATIONS.includes(word));
  const readOnly = mode.includes("ro");
  const relabel = mode.join(",") || (kind === "named" ? "z" : "");
  return {
    Source: isBind ? source : kind === "named" ? volume.directory : "",
    Destination: target,
    RW: !readOnly,
    Name: isBind ? "" : volume.name,
    Driver: isBind ? "" : "local",
    Type: isBind ? "bind" : "volume",
    ...(relabel === "" ? {} : { Relabel: relabel }),
    ...(isBind ? { Propagation: propagation ?? "rprivate" } : {}),
    Spec: kind === "anonymous" ? {} : specification(option, { propagation, readOnly }),
    SkipMountpointCreation: false,
  };
}

/**
 * What `-v`, `--tmpfs` and the image's volumes make together. Volumes without a name get one. Fails with USAGE in Docker's
 * words.
 */
export function planMounts(
  volumesDirectory: string,
  image: ImageConfig,
  options: { readonly volumes?: readonly string[] | undefined; readonly tmpfs?: readonly string[] | undefined },
): PlannedMounts {
  const tmpfs = (options.tmpfs ?? []).map(parseTmpfs);
  const given = (options.volumes ?? []).map((text) => ({ text, option: parseVolume(text) }));
  const named = given.filter(({ option }) => option.kind !== "anonymous");
  refuseDuplicates([...named.map(({ option }) => option.destination), ...tmpfs.map(([destination]) => destination)]);
  const own = given.filter(({ option }) => option.kind === "anonymous").map(({ text }) => text);
  const volumes = [...new Set([...own, ...image.config.volumes])];
  const taken = new Set(named.map(({ option }) => option.destination));
  const anonymous = [...new Set(volumes.map(cleanPath))].filter((destination) => !taken.has(destination));
  const all = [...named.map(({ option }) => option), ...anonymous.map(anonymousVolume)];
  const points = all.map((option) => {
    const name = option.kind === "named" ? option.source : randomBytes(32).toString("hex");
    return mountPoint(option, { name, directory: join(volumesDirectory, name, "_data") });
  });
  points.sort((a, b) => (a.Destination < b.Destination ? -1 : 1));
  return { points, binds: named.map(({ text }) => text), volumes, tmpfs: tmpfs.sort(([a], [b]) => (a < b ? -1 : 1)) };
}

function anonymousVolume(destination: string): VolumeOption {
  return { kind: "anonymous", destination, source: "", mode: [] };
}

/** Fails with USAGE where two mounts have one place. */
function refuseDuplicates(destinations: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of destinations.map(cleanPath)) {
    if (seen.has(path)) throw new LayerfsError("USAGE", `Duplicate mount point: ${printable(path)}`);
    seen.add(path);
  }
}

function specification(
  { kind, source, destination: target, mode }: VolumeOption,
  { propagation, readOnly }: { readonly propagation: string | undefined; readonly readOnly: boolean },
): JsonRecord {
  return {
    Type: kind === "bind" ? "bind" : "volume",
    Source: source,
    Target: target,
    ...(readOnly ? { ReadOnly: true } : {}),
    ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
    ...(mode.includes("nocopy") ? { VolumeOptions: { NoCopy: true } } : {}),
  };
}
