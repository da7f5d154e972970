import { printable } from "../../core/errors.ts";
import type { Explanation, LayerSummary } from "../../engine/explain/explanation.ts";
import { humanAge } from "./duration.ts";
import { shortID } from "./image-id.ts";
import { renderInstruction } from "./instruction.ts";
import { renderPathExplanation } from "./path-explanation.ts";
import { humanSize } from "./size.ts";

export interface ExplanationView {
  /** Whole instructions, however long. */
  readonly fullInstructions: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MAX_INSTRUCTION = 100;

/**
 * The image, its stack of layers with the topmost first, and the command that joins them; for a path what each layer
 * does to it.
 */
export function renderExplanation(explanation: Explanation, view: ExplanationView): string {
  const { layers, path } = explanation;
  const width = view.fullInstructions ? Number.POSITIVE_INFINITY : MAX_INSTRUCTION;
  const body = path === null ? renderStack(layers, width) : renderPathExplanation(explanation, path, width);
  const problems = explanation.problems.map((problem) => `Problem: ${printable(problem)}`);
  return [
    ...renderHead(explanation, view.now),
    "",
    ...body,
    ...(path === null ? renderMount(explanation) : []),
    ...(problems.length === 0 ? [] : ["", ...problems]),
    "",
  ].join("\n");
}

/** Bytes of all layers, of what is known of them: content in the store, stored bytes in an archive. */
export function totalSize(layers: readonly LayerSummary[]): number {
  return layers.reduce((sum, layer) => sum + (layer.size ?? layer.storedSize ?? 0), 0);
}

/** One line of facts below the image's name. */
export function renderFacts({ platform, layers, driver, source }: Explanation, created: string): string {
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  const place = source === null ? `driver ${driver}` : `in ${printable(source)}`;
  return `${printable(platform)}, created ${created}, ${count}, ${humanSize(totalSize(layers))}, ${place}`;
}

function renderHead(explanation: Explanation, now: number): string[] {
  const { id, names, manifests, created } = explanation;
  return [
    names.length === 0 ? "<none>" : names.map(printable).join(", "),
    ...manifests.map((manifest) => `manifest  ${printable(manifest)}`),
    `image id  ${id}`,
    renderFacts(explanation, created === null ? "at an unknown time" : humanAge(created, now)),
  ];
}

function renderStack(layers: readonly LayerSummary[], width: number): string[] {
  return layers
    .map((layer, index) => renderLayer(layer, index, layers.length, width))
    .reverse()
    .flat();
}

/** Number and instruction, and below them the facts, along a line that runs from the topmost layer to the lowest. */
function renderLayer(layer: LayerSummary, index: number, count: number, width: number): string[] {
  const number = String(index + 1).padStart(String(count).length);
  const edge = index === 0 ? " " : "│";
  return [
    `${cornerOf(index, count)} ${number}  ${renderInstruction(layer.createdBy, width)}`,
    ...factsOf(layer).map(([name, value]) => `${edge} ${"".padEnd(number.length)}    ${name.padEnd(11)}  ${value}`),
  ];
}

/** The line's left edge at the head of a layer. */
export function cornerOf(index: number, count: number): string {
  if (index === count - 1) return index === 0 ? "─" : "┌";
  return index === 0 ? "└" : "├";
}

function factsOf(layer: LayerSummary): (readonly [string, string])[] {
  const { diffID, chainID, cacheID, directory, link, size, storedSize, blobs, sharedWith } = layer;
  const blob = (repository: string | null): string => (repository === null ? "" : ` in ${printable(repository)}`);
  return [
    ["diffID", diffID],
    ["chainID", chainID],
    ...optional("cache-id", cacheID),
    ...(cacheID === null ? [] : [["directory", directory === null ? "(missing)" : printable(directory)] as const]),
    ...optional("link", link),
    ...optional("size", size === null ? null : humanSize(size)),
    ...optional("stored size", storedSize === null ? null : humanSize(storedSize)),
    ...blobs.map(({ digest, repository }) => ["blob", `${digest}${blob(repository)}`] as const),
    ...optional("shared with", sharedWith.length === 0 ? null : renderUsers(sharedWith)),
  ];
}

/** Names, and short ids of images without one. */
export function renderUsers(users: readonly string[]): string {
  return users.map((user) => (user.startsWith("sha256:") ? shortID(user) : user)).join(", ");
}

function optional(name: string, value: string | null): (readonly [string, string])[] {
  return value === null ? [] : [[name, printable(value)]];
}

function renderMount({ layers, source, mountCommand, shortMountCommand }: Explanation): string[] {
  const gap = layers.length === 0 ? [] : [""];
  const command = shortMountCommand ?? mountCommand;
  if (command !== null) return [...gap, "Joined by", printable(command)];
  if (source === null) return [...gap, "Nothing to mount."];
  return [...gap, "Not in the store: `layerfs load` gives the layers directories."];
}
