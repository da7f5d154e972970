import { printable } from "../../core/errors.ts";
import type { StoreInfo } from "../../engine/info.ts";
import { humanSize } from "./size.ts";

/** The storage lines of `docker info`, and what it does not tell: the layers, the mounts, and why this driver. */
export function renderStoreInfo(info: StoreInfo): string {
  const { running, stopped } = info.containers;
  const lines = [
    `Containers: ${running + stopped}`,
    ` Running: ${running}`,
    ` Stopped: ${stopped}`,
    `Images: ${info.images}`,
    `Layers: ${info.layers} (${humanSize(info.layersSize)})`,
    `Mounts: ${info.mounts}`,
    `Storage Driver: ${info.driver}`,
    ...info.status.map(([name, value]) => ` ${name}: ${value}`),
    ...(info.choice.length === 0 ? [] : ["Driver Choice:", ...info.choice.map((reason) => ` ${reason}`)]),
    `Docker Root Dir: ${info.root}${info.readOnly ? " (read-only)" : ""}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** What templates see: the result, and Docker's names for what it calls otherwise. */
export function storeInfoFields(info: StoreInfo): Readonly<Record<string, unknown>> {
  const { running, stopped } = info.containers;
  return {
    ...info,
    Containers: running + stopped,
    ContainersRunning: running,
    ContainersStopped: stopped,
    DockerRootDir: info.root,
    DriverStatus: info.status,
  };
}
