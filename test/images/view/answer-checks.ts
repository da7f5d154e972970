import type { OracleImage } from "./expected-comparison.ts";
import { type DescribedSide, describeSide, expectedChanges, sharedLayers } from "./expected-comparison.ts";
import { expectedWaste, linkedPaths } from "./expected-waste.ts";
import { shownBytes } from "./shown-files.ts";
import { type JSONBytes, latin1 } from "./tree-checks.ts";
import { type Place, runJSON } from "./unprivileged.ts";

/* What `waste` and `compare` say beside what is expected; each returns the differences. */

interface SaidWaste {
  readonly efficiency: number;
  readonly sizeBytes: number;
  readonly userSizeBytes: number;
  readonly wastedBytes: number;
  readonly inefficient: readonly { readonly path: JSONBytes; readonly count: number; readonly bytes: number }[];
  readonly hiddenBytes: number;
  readonly hidden: readonly { path: JSONBytes; bytes: number; layer: number; by: number }[];
  readonly layers: readonly { readonly bytes: number }[];
  readonly duplicates: readonly { bytes: number; wastedBytes: number; files: readonly unknown[] }[];
}

export function checkWaste(place: Place, source: string, { expected, layers }: OracleImage): string[] {
  const said = runJSON<SaidWaste>(place, ["waste", "--format", "json", source]);
  const wanted = expectedWaste(layers, expected.rows);
  const linked = linkedPaths(layers);
  const numbers = (["efficiency", "sizeBytes", "userSizeBytes", "wastedBytes", "hiddenBytes"] as const).flatMap(
    (name) => (said[name] === wanted[name] ? [] : [`${name} is ${said[name]}, expected ${wanted[name]}`]),
  );
  const inefficient = said.inefficient.map(({ path, count, bytes }) => `${latin1(path)} ${count} ${bytes}`);
  const hidden = said.hidden
    .map((file) => ({ ...file, path: latin1(file.path) }))
    .filter(({ path }) => !linked.has(path.slice(1)))
    .map(({ path, bytes, layer, by }) => `${path} ${bytes} ${layer} ${by}`);
  const twice = said.duplicates.map(({ bytes, wastedBytes, files }) => `${bytes} ${wastedBytes} ${files.length}`);
  const layerBytes = said.layers.map(({ bytes }, index) => `${index} ${bytes}`);
  return [
    ...numbers,
    ...compareLines(
      "bytes of layer",
      wanted.layerBytes.map((bytes, index) => `${index} ${bytes}`),
      layerBytes,
    ),
    ...compareLines("several layers have", wanted.inefficient, inefficient),
    ...compareLines("hidden is", wanted.hidden, hidden),
    ...compareLines("the same content have", wanted.duplicates, twice),
  ];
}

interface SaidComparison {
  readonly before: { readonly id: string; readonly size: number };
  readonly after: { readonly id: string; readonly size: number };
  readonly sharedLayers: number;
  readonly files: readonly {
    readonly kind: "added" | "removed" | "changed";
    readonly path: JSONBytes;
    readonly fields: readonly string[];
    readonly before: DescribedSide | null;
    readonly after: DescribedSide | null;
  }[];
  readonly packages: readonly {
    readonly manager: string;
    readonly name: string;
    readonly architecture: string | null;
    readonly before: string | null;
    readonly after: string | null;
  }[];
  readonly config: readonly unknown[];
}

/** `packages`: those of dpkg that are expected, or null where nobody knows. */
export function checkComparison(
  place: Place,
  [from, to]: readonly [string, string],
  [before, after]: readonly [OracleImage, OracleImage],
  packages: readonly string[] | null,
): string[] {
  const said = runJSON<SaidComparison>(place, ["compare", "--format", "json", from, to]);
  const changes = said.files.map(({ kind, path, fields, before: old, after: young }) => {
    const sides = [old, young].flatMap((side) => (side === null ? [] : [describeSide(side)])).join(" > ");
    return `${kind} ${latin1(path)}${kind === "changed" ? ` in ${[...fields].sort()}` : ""}: ${sides}`;
  });
  const facts = [
    ...[said.before, said.after].map(({ id, size }) => `image ${id} of ${size} bytes`),
    `${said.sharedLayers} shared layers`,
  ];
  const wantedFacts = [
    ...[before, after].map(({ expected }) => `image ${expected.id} of ${shownBytes(expected.rows)} bytes`),
    `${sharedLayers(before.expected, after.expected)} shared layers`,
  ];
  const dpkg = said.packages
    .filter(({ manager }) => manager === "dpkg")
    .map((each) => `${each.name}:${each.architecture} ${each.before ?? "-"} ${each.after ?? "-"}`);
  return [
    ...compareLines("compared is", wantedFacts, facts),
    ...compareLines("changed is", expectedChanges(before, after), changes),
    ...(packages === null ? [] : compareLines("a package is", packages, dpkg)),
  ];
}

/** One image from two places is the same. */
export function checkSame(place: Place, one: string, other: string): string[] {
  const { files, packages, config } = runJSON<SaidComparison>(place, ["compare", "--format", "json", one, other]);
  return [...files, ...packages, ...config].map((change) => JSON.stringify(change));
}

/** How often each line is there matters, their order does not. */
function compareLines(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const [missing, extra] = [without(wanted, found), without(found, wanted)];
  return [
    ...missing.map((line) => `${what} not told: ${line}`),
    ...extra.map((line) => `${what} told, but not expected: ${line}`),
  ];
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0;
    counts.set(line, count - 1);
    return count <= 0;
  });
}
