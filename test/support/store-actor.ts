/**
 * One of several processes that work on a data root at once, until its time is over:
 *
 *     node store-actor.ts part.json
 *
 * where the file holds a `Part`. Prints how often it did what, and every result that the others' work does not explain.
 */
import { deepStrictEqual } from "node:assert";
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ErrorCode, isLayerfsError } from "../../src/core/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { randomOf } from "./random.ts";
import { readTreeLines, type TreeLines } from "./tree-lines.ts";

export interface Part {
  readonly root: string;
  readonly driver: string;
  readonly seed: string;
  readonly seconds: number;
  /** A directory of its own to mount on. */
  readonly target: string;
  readonly archives: readonly {
    readonly name: string;
    readonly id: string;
    readonly file: string;
    readonly tree: TreeLines;
  }[];
}

export interface Performance {
  /** By operation and outcome, such as `rmi NOT_FOUND`. */
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

type Archive = Part["archives"][number];

interface Operation {
  readonly name: string;
  /** What may come of it because of the others. */
  readonly allowed: readonly ErrorCode[];
  act(engine: Engine, archive: Archive, part: Part): Promise<void>;
}

/** What the images say that are committed from containers. */
const COMMITTED = "committed by a user of the store";

const OPERATIONS: readonly Operation[] = [
  { name: "load", allowed: [], act: load },
  { name: "load", allowed: [], act: load },
  {
    name: "rmi",
    allowed: ["NOT_FOUND", "CONFLICT"],
    act: async (engine, { name }) => void (await engine.removeImage(name)),
  },
  { name: "images", allowed: ["NOT_FOUND"], act: images },
  { name: "explain", allowed: ["NOT_FOUND"], act: explain },
  { name: "ls", allowed: ["NOT_FOUND"], act: list },
  { name: "cat", allowed: ["NOT_FOUND"], act: cat },
  { name: "mount", allowed: ["NOT_FOUND"], act: (...all) => mount(...all, false) },
  { name: "mount --rw", allowed: ["NOT_FOUND"], act: (...all) => mount(...all, true) },
  // Others may remove the container at once, or ask for its name.
  { name: "container", allowed: ["NOT_FOUND", "CONFLICT"], act: container },
  { name: "rm", allowed: ["NOT_FOUND", "CONFLICT"], act: removeAny },
];

if (process.argv[2] !== undefined) {
  const performance = await perform(JSON.parse(readFileSync(process.argv[2], "utf8")));
  process.stdout.write(JSON.stringify(performance));
}

async function perform(part: Part): Promise<Performance> {
  const random = randomOf(part.seed);
  const counts: Record<string, number> = {};
  const faults: string[] = [];
  const end = Date.now() + part.seconds * 1000;
  await unmountPredecessor(part);
  while (Date.now() < end) {
    await using engine = await openEngine({ root: part.root, driver: part.driver });
    for (let turn = 0; turn < 5 && Date.now() < end; turn++) {
      const operation = random.pick(OPERATIONS);
      const archive = random.pick(part.archives);
      const outcome = await outcomeOf(() => operation.act(engine, archive, part), operation, archive, faults);
      counts[`${operation.name}${outcome}`] = (counts[`${operation.name}${outcome}`] ?? 0) + 1;
    }
  }
  return { counts, faults };
}

/** One that was killed may have left its mount. */
async function unmountPredecessor({ root, driver, target }: Part): Promise<void> {
  await using engine = await openEngine({ root, driver });
  await engine.unmount({ target, discard: true });
}

async function outcomeOf(
  act: () => Promise<void>,
  { name, allowed }: Operation,
  archive: Archive,
  faults: string[],
): Promise<string> {
  try {
    await act();
    return "";
  } catch (error) {
    if (isLayerfsError(error) && allowed.includes(error.code)) return ` ${error.code}`;
    faults.push(`${name} ${archive.name}: ${error instanceof Error ? error.stack : error}`);
    return " failed";
  }
}

async function load(engine: Engine, { file, id }: Archive): Promise<void> {
  const [loaded] = await engine.load({ file });
  deepStrictEqual(String(loaded?.id), id);
}

async function images(engine: Engine, _archive: Archive, { archives }: Part): Promise<void> {
  const known = new Set(archives.map(({ id }) => id));
  for (const { id } of await engine.images()) {
    if (known.has(id)) continue;
    const { Comment: comment } = await engine.inspect(id);
    deepStrictEqual(comment, COMMITTED, `${id} is no image of this test`);
  }
}

async function explain(engine: Engine, { name, id }: Archive): Promise<void> {
  deepStrictEqual(String((await engine.explain(name)).id), id);
}

async function list(engine: Engine, { name, tree }: Archive): Promise<void> {
  const nodes = await engine.list(name, "/", { recursive: true });
  deepStrictEqual(nodes.map(({ path }) => path.toString().slice(1)).sort(), Object.keys(tree).sort());
}

async function cat(engine: Engine, { name, tree }: Archive): Promise<void> {
  const paths = Object.keys(tree).filter((path) => tree[path]?.startsWith("file"));
  for (const path of paths.slice(0, 20)) {
    const chunks: Buffer[] = [];
    for await (const chunk of await engine.readFile(name, path)) chunks.push(chunk);
    const digest = createHash("sha1").update(Buffer.concat(chunks)).digest("hex");
    deepStrictEqual(tree[path]?.split(" ")[2], digest, path);
  }
}

async function mount(engine: Engine, archive: Archive, { target }: Part, readWrite: boolean): Promise<void> {
  await engine.mount({ image: archive.name, target, readWrite });
  try {
    deepStrictEqual(readTreeLines(target), archive.tree);
  } finally {
    await engine.unmount({ target, discard: true });
  }
}

/** A container sees its image, and keeps what is written to it. */
async function container(engine: Engine, { name, tree }: Archive, { target }: Part): Promise<void> {
  const { id } = await engine.createContainer(name, { name: "shared-name", command: ["sh"], workingDir: "/made" });
  for (const content of ["first", "second"]) {
    await engine.mount({ image: id, target });
    try {
      deepStrictEqual(
        Object.keys(tree).filter((path) => lstatSync(join(target, path), { throwIfNoEntry: false }) === undefined),
        [],
      );
      if (content === "first") writeFileSync(join(target, "made", "file"), content);
      deepStrictEqual(readFileSync(join(target, "made", "file"), "utf8"), "first");
    } finally {
      await engine.unmount({ target });
    }
  }
  await commit(engine, id);
  await engine.removeContainer(id);
}

async function commit(engine: Engine, container: string): Promise<void> {
  const changes = (await engine.diff(container)).map(({ kind, path }) => `${kind} ${path}`);
  deepStrictEqual(changes, ["A /made", "A /made/file"]);
  const { id, layer } = await engine.commit(container, { message: COMMITTED });
  deepStrictEqual((await engine.inspect(id)).RootFS.Layers?.at(-1), layer);
  const nodes = await engine.list(id, "/made");
  deepStrictEqual(
    nodes.map(({ name }) => name.toString()),
    ["file"],
  );
  await engine.removeImage(id);
}

async function removeAny(engine: Engine): Promise<void> {
  const [any] = await engine.containers({ all: true });
  if (any !== undefined) await engine.removeContainer(any.id);
}
