import { printable } from "../../core/errors.ts";
import type { ContainerName, DirectoryExplanation, LayerUse } from "../../engine/explain/explanation.ts";
import { renderInstruction } from "./instruction.ts";
import { humanSize } from "./size.ts";

const MAX_INSTRUCTION = 100;

/** Whose the directory is in one sentence, the facts, and who uses it. */
export function renderDirectoryExplanation(explanation: DirectoryExplanation): string {
  const { driver, cacheID, role, layer, directory, link, images, path } = explanation;
  const facts: (readonly [string, string | null])[] = [
    ["cache-id", cacheID],
    ["directory", directory ?? "(missing)"],
    ["link", link],
    ["diffID", layer?.diffID ?? null],
    ["chainID", layer?.chainID ?? null],
    ["size", layer === null ? null : humanSize(layer.size)],
  ];
  return [
    `${sentence(explanation)} (driver ${driver})`,
    ...facts.flatMap(([name, value]) => (value === null ? [] : [`  ${name.padEnd(9)}  ${printable(value)}`])),
    ...images.map(
      (use) => `\n${role === "layer" ? renderUse(use) : `Stands on ${nameOf(use)}, ${count(use.count, "layer")}`}`,
    ),
    ...(path === null || images.length === 0
      ? []
      : [
          "",
          "What the image shows there:",
          ...images.map((use) => `layerfs explain ${nameOf(use)} ${printable(path)}`),
        ]),
    "",
  ].join("\n");
}

function sentence({ role, images, containers, owner }: DirectoryExplanation): string {
  const container = containers.map(nameOfContainer).join(", ");
  switch (role) {
    case "layer": {
      const users = [...(images.length > 0 ? [count(images.length, "image")] : [])];
      if (containers.length > 0) users.push(`${count(containers.length, "container")} (${container})`);
      return `An image layer of ${users.length > 0 ? users.join(" and ") : "no image and no container: nothing uses it"}`;
    }
    case "container":
      return `The read-write layer of container ${container}`;
    case "container-init":
      return `The init layer of container ${container}, between its image and its own files`;
    case "mount":
      return `The read-write layer of the mount at ${printable(owner ?? "")}`;
    case "unfinished":
      return `Not finished: ${printable(owner ?? "")}`;
    case "orphan":
      return "An orphan: no image, container or mount uses it";
  }
}

function renderUse(use: LayerUse): string {
  const number = `layer ${use.index + 1} of ${use.count}`;
  return `${nameOf(use)}: ${number}\n  ${renderInstruction(use.createdBy, MAX_INSTRUCTION)}`;
}

function nameOf({ names, id }: LayerUse): string {
  return printable(names[0] ?? id);
}

function nameOfContainer({ id, name }: ContainerName): string {
  return name === null ? id.slice(0, 12) : `${printable(name)} (${id.slice(0, 12)})`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
