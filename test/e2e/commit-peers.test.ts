import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { BEFORE, change } from "../support/container-changes.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { lines, type NodeImage, snapshot } from "../support/snapshot.ts";

/** The same changes told and committed by layerfs and by dockerd, in a container of one data root. */
describe.each(["overlay2", "vfs"] as const)("a container that was changed in every way, with %s", (driver) => {
  const missing = requires(overlay(), dockerd());
  let place: TestFileSystem;
  let root: string;
  const told: Record<"layerfs" | "docker", string[]> = { layerfs: [], docker: [] };

  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("tmpfs");
    root = join(place.directory, "root");
    const archive = join(place.directory, "before.tar");
    writeFileSync(archive, dockerArchive([BEFORE]));
    await withEngine(async (engine) => {
      await engine.load({ file: archive });
      await engine.createContainer("before:1", { name: "changed" });
    });
    await change(root, driver, "changed");
    await withEngine(async (engine) => {
      const changes = await engine.diff("changed");
      told.layerfs = sortedLines(changes.map(({ kind, path }) => `${kind} ${path}`).join("\n"));
      await engine.commit("changed", { reference: "committed:layerfs" });
      await engine.createContainer("before:1", { name: "unchanged", ...OPTIONS });
      await engine.commit("unchanged", { reference: "unchanged:layerfs", ...COMMIT });
    });
    await using daemon = await startDockerd(root, driver);
    told.docker = sortedLines(daemon.docker("diff", "changed"));
    daemon.docker("commit", "changed", "committed:docker");
    const changes = COMMIT.changes.flatMap((change) => ["-c", change]);
    daemon.docker("commit", "-a", COMMIT.author, "-m", COMMIT.message, ...changes, "unchanged", "unchanged:docker");
  }, 120_000);
  afterAll(() => place?.[Symbol.dispose]());

  const withEngine = async <T>(use: (engine: Engine) => Promise<T>): Promise<T> => {
    await using engine = await openEngine({ root, driver });
    return await use(engine);
  };

  it("is told by docker diff in the same lines", () => {
    expect(told.layerfs.length).toBeGreaterThan(40);
    expect(told.layerfs).toEqual(told.docker);
  });

  it("is the same tree in an image that docker committed, but for what docker loses", async () => {
    await withEngine(async (engine) => {
      const [own, dockers] = [await treeOf(engine, "committed:layerfs"), await treeOf(engine, "committed:docker")];
      expect(lines(own).filter((line) => /user\.note|= \/linked/.test(line))).toHaveLength(3);
      expect(lines(own.map((node) => asDockerKeeps(driver, node)))).toEqual(lines(dockers));
    });
  });

  it("is told as an image by inspect and history as docker tells its own", async () => {
    await withEngine(async (engine) => {
      for (const name of ["committed", "unchanged"]) {
        const [own, dockers] = [await toldOf(engine, `${name}:layerfs`), await toldOf(engine, `${name}:docker`)];
        expect(own.inspection).toEqual(dockers.inspection);
        expect(own.history).toEqual(dockers.history);
      }
    });
  });

  it("is a layer with the entries of docker's, but for what docker loses", async () => {
    await withEngine(async (engine) => {
      const [own, dockers] = [await layerOf(engine, "committed:layerfs"), await layerOf(engine, "committed:docker")];
      const kept = own.filter(({ path }) => dockers.some((other) => other.path === path));
      expect(own.filter((node) => !kept.includes(node)).map(({ path }) => path)).toEqual(
        driver === "overlay2" ? [] : ["attribute", "linked"],
      );
      expect(lines(kept.map((node) => asDockerKeeps(driver, node)))).toEqual(lines(dockers));
    });
  });
});

const OPTIONS = {
  env: ["A=1", "PATH=/bin"],
  entrypoint: "/entry",
  command: ["one", "two"],
  labels: new Map([["a", "b"]]),
};
const COMMIT = {
  author: "Some Body <some@body>",
  message: "changed & committed",
  changes: [
    "ENV A=2 B=3",
    'CMD ["x", "y"]',
    "EXPOSE 80",
    "LABEL c=d",
    "USER me",
    "VOLUME /v",
    "WORKDIR /w",
    "ONBUILD RUN z",
  ],
};

/** What an image's config tells, but for what differs from commit to commit and with the size of links that docker loses. */
async function toldOf(engine: Engine, image: string): Promise<{ inspection: unknown; history: unknown }> {
  const { Id, RepoTags, Created, DockerVersion, Metadata, GraphDriver, RootFS, Size, VirtualSize, ...inspection } =
    await engine.inspect(image);
  const history = (await engine.history(image)).map(({ createdBy, comment, size }) => [createdBy, comment, size > 0]);
  return { inspection: { ...inspection, layers: RootFS.Layers?.length }, history };
}

/** Both programs print a name with a line break as it is, and what is not UTF-8 as U+FFFD. */
function sortedLines(text: string): string[] {
  return text.split("\n").sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
}

/** dockerd takes no attributes but capabilities into a layer, and with vfs no link to a file that did not change. */
function asDockerKeeps(driver: string, node: NodeImage): NodeImage {
  return {
    ...node,
    xattrs: node.xattrs.filter((text) => text.startsWith("security.")),
    links: driver === "vfs" && node.links.includes("linked") ? [] : node.links,
  };
}

async function treeOf(engine: Engine, image: string): Promise<NodeImage[]> {
  const target = await engine.mount({ image });
  try {
    return snapshot(target).slice(1).map(withoutFraction);
  } finally {
    await engine.unmount({ target });
  }
}

/** The topmost layer's own tar, as GNU tar unpacks it, and without whiteouts, of which each has another way. */
async function layerOf(engine: Engine, image: string): Promise<NodeImage[]> {
  const [directory, archive] = [scratchDirectory(), join(scratchDirectory(), "image.tar")];
  await engine.save([image], { file: archive });
  execFileSync("tar", ["-xf", archive, "-C", directory]);
  const [{ Layers }] = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
  const tree = scratchDirectory();
  execFileSync("tar", ["-xpf", join(directory, Layers.at(-1)), "-C", tree, ...GNU_TAR]);
  return snapshot(tree).slice(1).map(withoutFraction);
}

const GNU_TAR = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--exclude=.wh.*"];

/** dockerd cuts times to seconds. */
function withoutFraction(node: NodeImage): NodeImage {
  return { ...node, mtime: node.mtime.replace(/\..*/, "") };
}
