import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { dirname } from "node:path/posix";
import type { TreeRow } from "../../support/dump-tree.ts";
import type { ExpectedImage } from "../oracles.ts";
import type { ListedLayers } from "./listed-layers.ts";

/** An image by other programs' words. */
export interface OracleImage {
  readonly expected: ExpectedImage;
  readonly layers: ListedLayers;
}

/** What `compare` must say, one line a change, sorted. */
export function expectedChanges(before: OracleImage, after: OracleImage): string[] {
  const [old, young] = [sidesOf(before), sidesOf(after)];
  const paths = [...new Set([...old.keys(), ...young.keys()])].filter((path) => path !== "");
  return paths
    .flatMap((path): string[] => {
      const [one, other] = [old.get(path), young.get(path)];
      if (one === undefined) return [`added /${path}: ${other?.text}`];
      if (other === undefined) return [`removed /${path}: ${one.text}`];
      const fields = differentFields(one.row, other.row);
      return fields.length === 0 ? [] : [`changed /${path} in ${fields}: ${one.text} > ${other.text}`];
    })
    .sort();
}

export function sharedLayers(before: ExpectedImage, after: ExpectedImage): number {
  const first = before.diffIDs.findIndex((diffID, index) => diffID !== after.diffIDs[index]);
  return first < 0 ? before.diffIDs.length : first;
}

/** `NAME:ARCHITECTURE BEFORE AFTER` of the packages in which two unpacked trees differ, as dpkg-query reads them. */
export function expectedPackages(before: string, after: string): string[] {
  const [old, young] = [packagesIn(before), packagesIn(after)];
  return [...new Set([...old.keys(), ...young.keys()])]
    .filter((name) => old.get(name) !== young.get(name))
    .map((name) => `${name} ${old.get(name) ?? "-"} ${young.get(name) ?? "-"}`)
    .sort();
}

interface Side {
  readonly row: TreeRow;
  readonly text: string;
}

/** Each path with what is told of it: kind, mode, owner, size, and number of its layer. */
function sidesOf({ expected, layers }: OracleImage): Map<string, Side> {
  const named = namingLayers(layers);
  return new Map(
    expected.rows.map((row): [string, Side] => {
      const { path, type, mode, uid, gid, size } = row;
      const layer = named.get(path) ?? -1;
      return [path, { row, text: describeSide({ kind: type, mode, uid, gid, size: size ?? 0, layer }) }];
    }),
  );
}

/** The last layer that names a path, or where none does, the first that names something below it. */
function namingLayers(layers: ListedLayers): Map<string, number> {
  const named = new Map<string, number>();
  const implied = new Map<string, number>();
  for (const [layer, entries] of layers.entries()) {
    for (const { path } of entries) {
      named.set(path, layer);
      for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
        if (!implied.has(parent)) implied.set(parent, layer);
      }
    }
  }
  return new Map([...implied, ...named]);
}

export interface DescribedSide {
  readonly kind: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content of a file. */
  readonly size: number;
  readonly layer: number;
}

export function describeSide({ kind, mode, uid, gid, size, layer }: DescribedSide): string {
  return `${kind} ${mode.toString(8)} ${uid}:${gid} ${kind === "file" ? size : "-"} of layer ${layer}`;
}

/** Sorted. Times are no difference. */
function differentFields(one: TreeRow, other: TreeRow): string[] {
  const differs = (field: keyof TreeRow): boolean => String(one[field]) !== String(other[field]);
  const both = (field: keyof TreeRow): boolean => one[field] !== null && other[field] !== null && differs(field);
  return Object.entries({
    content: both("sha256"),
    device: both("device"),
    mode: differs("mode"),
    owner: differs("uid") || differs("gid"),
    target: both("target"),
    type: differs("type"),
    xattrs: differs("xattrs"),
  }).flatMap(([field, isDifferent]) => (isDifferent ? [field] : []));
}

/** Versions by `NAME:ARCHITECTURE`. */
function packagesIn(tree: string): Map<string, string> {
  const database = join(tree, "var/lib/dpkg");
  if (!existsSync(join(database, "status"))) return new Map();
  const format = ["db:Status-Status", "Package", "Architecture", "Version"].map((field) => `\${${field}}`).join("\t");
  const words = ["--admindir", database, "-W", "-f", `${format}\n`];
  const { status, stdout, stderr } = spawnSync("dpkg-query", words, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`dpkg-query ${words.join(" ")}: ${stderr}`);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  return new Map(
    lines.flatMap(([state, name, architecture, version = ""]) =>
      state === "installed" ? [[`${name}:${architecture}`, version]] : [],
    ),
  );
}
