import { printable } from "../../core/errors.ts";
import type { StoreInfo } from "../../engine/engine.ts";
import { humanSize } from "./size.ts";

/** The storage lines of `docker info`, with what it does not tell: the layers, the mounts, and why this driver. */
export function renderStoreInfo(info: StoreInfo): string {
  const lines = [
    `Images: ${info.images}`,
    `Layers: ${info.layers} (${humanSize(info.layersSize)})`,
    `Mounts: ${info.mounts}`,
    `Storage Driver: ${info.driver}`,
    ...info.status.map(([name, value]) => ` ${name}: ${value}`),
    ...(info.choice.length === 0 ? [] : ["Driver Choice:", ...info.choice.map((reason) => ` ${reason}`)]),
    `Data Root: ${info.root}${info.readOnly ? " (read-only)" : ""}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}
