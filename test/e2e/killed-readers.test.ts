import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { type Ending, type LayerfsProcess, startLayerfs, startNode } from "../support/layerfs-process.ts";
import { named, OciLayout } from "../support/oci-builder.ts";
import { randomOf } from "../support/random.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry } from "../support/registry/registry.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { checkout } from "../support/tree.ts";

/** `npm run test:crash` asks for 200; CONTRIBUTING.md tells of these. */
const kills = Number(process.env.LAYERFS_KILLS ?? 5);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());
const [sample] = sampleImages(kills > 50 ? 24 : 3);

/** A place to read in: what may be written to is there, each for itself. */
interface Site {
  readonly temporary: string;
  readonly cache: string;
  readonly output: string;
}

interface Reading {
  readonly name: string;
  start(source: string, site: Site): LayerfsProcess;
}

const command = (name: string, words: (source: string, site: Site) => string[]): Reading => ({
  name,
  start: (source, site) => startLayerfs(words(source, site), undefined, environment(site)),
});

const INTO_DIRECTORY = "cp into a directory that is there";

const READINGS: readonly Reading[] = [
  command("ls", (source) => ["ls", "-lR", source]),
  command("tree", (source) => ["tree", source]),
  command("find", (source) => ["find", source, "--type", "f"]),
  command("cat", (source) => ["cat", source, "/usr/9/9"]),
  command("cp of a directory", (source, { output }) => ["cp", `${source}:/usr`, join(output, "result")]),
  {
    name: INTO_DIRECTORY,
    start: (source, site) => {
      mkdirSync(join(site.output, "result"), { recursive: true });
      return startLayerfs(["cp", `${source}:/usr/.`, join(site.output, "result")], undefined, environment(site));
    },
  },
  command("cp of a file", (source, { output }) => ["cp", `${source}:/usr/9/9`, join(output, "result")]),
  command("cp to stdout", (source) => ["cp", `${source}:/usr`, "-"]),
  command("export", (source, { output }) => ["export", "-o", join(output, "result"), source]),
  command("compare", (source) => ["compare", "--format", "json", source, source]),
  command("waste", (source) => ["waste", source]),
  {
    name: "scan",
    start: (source, site) => startNode(["--input-type=module", "-e", SCAN, source], undefined, environment(site)),
  },
];

/** Reads each file of the image, and prints a digest of all. */
const SCAN = `
  import { createHash } from "node:crypto";
  import { openImage } from ${JSON.stringify(join(checkout, "src/index.ts"))};
  const hash = createHash("sha256");
  await using image = await openImage(process.argv[1]);
  const { files } = await image.scan({ match: "**", async file(_, content) {
    for await (const chunk of content) hash.update(chunk);
    return 1;
  } });
  console.log(files.length, hash.digest("hex"));
  console.log((await image.view()).readdir("/").length);`;

describe("a command that reads, when it is killed or interrupted", () => {
  it(`leaves nothing but whole records in the cache, after each of ${kills}`, {
    timeout: 60_000 + kills * 20_000,
  }, async () => {
    const random = randomOf(seed);
    const forms = await sources();
    const warm = newSite();
    const known = new Map<string, Whole>();
    const reached: string[] = [];
    for (let number = 0; reached.length < kills && number < 4 * kills; number++) {
      const [form, source] = random.pick(forms);
      const reading = random.pick(READINGS);
      const isWarm = random.fraction() < 0.3;
      const signal = random.pick(["SIGKILL", "SIGKILL", "SIGINT"] as const);
      const site = isWarm ? { ...newSite(), cache: warm.cache } : newSite();
      const what = `${reading.name} from ${form} with a ${isWarm ? "warm" : "cold"} cache, ${signal}`;
      const whole = known.get(reading.name) ?? (await readWhole(reading, source));
      known.set(reading.name, whole);
      const moment = whole.milliseconds * (0.15 + 0.9 * random.fraction());
      const { process, ended } = reading.start(source, site);
      await Promise.race([sleep(moment), ended]);
      process.kill(signal);
      const ending = await ended;
      if (ending.status !== 0) reached.push(`${what}, after ${Math.round(moment)} ms`);
      try {
        await expectNothingLeft(site, ending, reading, whole.answer);
        expect(await answer(reading, source, site)).toEqual(whole.answer);
        expect(readdirSync(site.temporary)).toEqual([]);
        expect(unfinishedIn(site.cache)).toEqual([]);
      } catch (error) {
        throw new Error(`number ${number} with LAYERFS_SEED=${seed}: ${what}, after ${moment} ms`, { cause: error });
      }
    }
    expect(reached).toHaveLength(kills);
    globalThis.process.stdout.write(`${reached.length} readers ended, LAYERFS_SEED=${seed}\n`);
    if (globalThis.process.env.LAYERFS_KILLS !== undefined) {
      for (const line of reached) globalThis.process.stdout.write(`  ${line}\n`);
    }
  });
});

async function sources(): Promise<[string, string][]> {
  const place = scratchDirectory();
  const image = sample!.image;
  const packed = { gzip: gzipSync, zstd: zstdCompressSync };
  const layouts = Object.entries(packed).map(([name, pack]): [string, string] => {
    const layout = new OciLayout();
    const stored: TestImage = { ...image, stored: (tar) => pack(tar) };
    return [
      `a layout with ${name}`,
      `oci:${layout.entries(layout.image(stored, { descriptor: named("app") })).write()}`,
    ];
  });
  const archive = dockerArchive([image]);
  writeFileSync(join(place, "plain.tar"), archive);
  writeFileSync(join(place, "packed.tar"), gzipSync(archive, { level: 1 }));
  const archives = ["plain", "packed"].map((name): [string, string] => [
    `a ${name} archive`,
    `docker-archive:${join(place, name)}.tar`,
  ]);
  if (registry() !== null) return [...layouts, ...archives];
  const server = await startRegistry();
  onTestFinished(() => server[Symbol.asyncDispose]());
  await pushImage(server, "lab/app:1", image, { compress: "gzip" });
  return [...layouts, ...archives, ["a registry", `docker://${server.host}/lab/app:1`]];
}

function newSite(): Site {
  const place = scratchDirectory();
  const [temporary, cache, output] = ["tmp", "cache", "output"].map((name) => join(place, name));
  for (const directory of [temporary, cache, output]) mkdirSync(directory!);
  return { temporary: temporary!, cache: cache!, output: output! };
}

function environment({ temporary, cache }: Site): Record<string, string> {
  return { TMPDIR: temporary, XDG_CACHE_HOME: cache };
}

interface Answer {
  readonly stdout: string;
  /** What it wrote to `output`. */
  readonly result: Readonly<Record<string, string>>;
}

/** What a reading answers if it is let live, with nothing in the cache: the same from every place of the image. */
interface Whole {
  readonly milliseconds: number;
  readonly answer: Answer;
}

async function readWhole(reading: Reading, source: string): Promise<Whole> {
  const start = performance.now();
  const found = await answer(reading, source, newSite());
  return { milliseconds: performance.now() - start, answer: found };
}

async function answer(reading: Reading, source: string, site: Site): Promise<Answer> {
  const { status, stdout, stderr } = await reading.start(source, site).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return {
    stdout: createHash("sha256").update(stdout.replaceAll(source, "IMAGE")).digest("hex"),
    result: resultIn(site),
  };
}

/** The digests of the files that stand under the name that was asked for. */
function resultIn({ output }: Pick<Site, "output">): Record<string, string> {
  const files = readdirSync(output, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => path === join(output, "result") || path.startsWith(join(output, "result/")));
  return Object.fromEntries(
    files.map((path) => [path.slice(output.length), createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );
}

/** What is said of an interruption, also where the answer is asked for in JSON. */
const IN_WORDS = "layerfs: cancelled";
const IN_JSON = JSON.stringify({ level: "error", code: "CANCELLED", message: "cancelled" });

/** In the directories that it wrote to; what a copy had to begin under another name is taken away. */
async function expectNothingLeft(
  { temporary, output }: Site,
  { status, signal, stderr }: Ending,
  { name: reading }: Reading,
  right: Answer,
): Promise<void> {
  expect(readdirSync(temporary)).toEqual([]);
  if (signal === null && status !== 0)
    expect({ status, stderr: stderr.trim() }).toEqual({
      status: 130,
      stderr: reading === "compare" ? IN_JSON : IN_WORDS,
    });
  for (const name of readdirSync(output)) {
    // Into a directory that was there, files come one by one, each whole.
    if (name === "result" && reading === INTO_DIRECTORY) expect(right.result).toMatchObject(resultIn({ output }));
    else if (name === "result") expect(resultIn({ output })).toEqual(right.result);
    else expect(`${reading} ${signal} ${name}`).toMatch(/^cp of .* SIGKILL \.result\.[0-9a-f]{12}\.tmp$/);
    rmSync(join(output, name), { recursive: true });
  }
}

/** Files of the cache that are no records; of the compiled code, those that Node.js has not finished. */
function unfinishedIn(cache: string): string[] {
  return readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tmp$|\.[A-Za-z0-9]{6}$/.test(name),
  );
}
