import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Digest } from "../../src/core/digest.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { ImageFilters } from "../../src/engine/images/list-images.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { imageLayout } from "../../src/image/layout.ts";
import { tryLock } from "../../src/sys/lock.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const bottom = layerTar([{ name: "a", data: "one" }]);
const web: TestImage = {
  tags: ["lab/web:1", "lab/web:2"],
  layers: [bottom, layerTar([{ name: "b", data: "three" }])],
  config: {
    created: "2024-01-02T00:00:00.5Z",
    config: { Labels: { role: "web", tier: "1" }, Cmd: ["/b"] },
    history: [{ created_by: "bottom" }, { created_by: "CMD", empty_layer: true }, { created_by: "top", comment: "c" }],
  },
};
const db: TestImage = {
  tags: ["db:1"],
  layers: [bottom],
  config: { created: "2024-01-01T00:00:00Z", config: { Labels: { role: "db" } } },
};
const nameless: TestImage = { tags: [], layers: [], config: { created: "2023-01-01T00:00:00Z" } };

async function filledEngine(): Promise<Engine> {
  const engine = await testEngine("vfs");
  await loadImages(engine, [web, db, nameless]);
  return engine;
}

async function namesOf(engine: Engine, filters?: ImageFilters): Promise<string[]> {
  const images = await engine.images(filters);
  return images.map(({ repository, tag }) => (repository === null ? "none" : `${repository}:${tag}`));
}

describe("images", () => {
  const root = mkdtempSync(join(tmpdir(), "layerfs-test-"));
  let shared: Engine;

  beforeAll(async () => {
    shared = await openEngine({ root, driver: "vfs" });
    const file = join(root, "images.tar");
    writeFileSync(file, dockerArchive([web, db, nameless]));
    await shared.load({ file });
  });

  afterAll(async () => {
    await shared[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  const all = ["lab/web:1", "lab/web:2", "db:1", "none"];
  it.each<[ImageFilters | undefined, string[]]>([
    [undefined, all],
    [{ all: true }, all],
    [{ dangling: true }, ["none"]],
    [{ dangling: false }, ["lab/web:1", "lab/web:2", "db:1"]],
    [{ labels: ["role"] }, ["lab/web:1", "lab/web:2", "db:1"]],
    [{ labels: ["role=web", "tier"] }, ["lab/web:1", "lab/web:2"]],
    [{ labels: ["role=web", "tier=2"] }, []],
    [{ before: "db:1" }, ["none"]],
    [{ since: "db:1" }, ["lab/web:1", "lab/web:2"]],
    [{ until: { seconds: Date.parse("2024-01-01T00:00:00Z") / 1000, nanoseconds: 1 } }, ["db:1", "none"]],
    [{ references: ["lab/*"] }, ["lab/web:1", "lab/web:2"]],
    [{ references: ["*/*:2", "db"] }, ["lab/web:2", "db:1"]],
    [{ references: ["nosuch"] }, []],
  ])("with %j are %j", async (filters, expected) => {
    expect(await namesOf(shared, filters)).toEqual(expected);
  });

  it("hide a nameless image that another was built on, but not with all", async () => {
    const engine = await filledEngine();
    const [child, parent] = [(await engine.inspect("lab/web:1")).Id, (await engine.images({ dangling: true }))[0]?.id];
    const { metadata } = imageLayout(engine.root, "vfs");
    await engine.tag("lab/web:1", "lab/web:1");
    writeFileSync(join(metadata, hex(child), "parent"), String(parent));
    expect(await namesOf(engine)).not.toContain("none");
    expect(await namesOf(engine, { dangling: true })).toEqual([]);
    expect(await namesOf(engine, { all: true })).toContain("none");
    expect((await engine.inspect(child)).Parent).toBe(parent);
    expect((await engine.history(child)).map(({ id }) => id)).toEqual([child, parent, null]);
  });
});

describe("tag", () => {
  it("moves a name, records when, and leaves the other image without it", async () => {
    const engine = await filledEngine();
    const { Id } = await engine.inspect("db:1");
    expect(await engine.tag("db:1", "lab/web:1")).toEqual({ id: Id, name: "lab/web:1" });
    expect((await engine.inspect("lab/web:1")).RepoTags).toEqual(["lab/web:1", "db:1"]);
    expect((await engine.inspect("lab/web:2")).RepoTags).toEqual(["lab/web:2"]);
    const recorded = readFileSync(join(imageLayout(engine.root, "vfs").metadata, hex(Id), "lastUpdated"), "utf8");
    expect(Date.now() - Date.parse(recorded)).toBeLessThan(60_000);
    expect((await engine.inspect("db:1")).Metadata.LastTagTime).toBe(recorded);
  });

  it.each(["sha256:1", `a@sha256:${"a".repeat(64)}`, "UPPER", ""])("refuses the name %j", async (target) => {
    const engine = await testEngine("vfs");
    await expect(engine.tag("db:1", target)).rejects.toMatchObject({ code: "INVALID_REFERENCE" });
  });
});

describe("inspect and history", () => {
  it("tell what is known of an image", async () => {
    const engine = await filledEngine();
    const inspection = await engine.inspect("lab/web:1");
    expect(inspection).toMatchObject({
      Created: "2024-01-02T00:00:00.5Z",
      Os: "linux",
      Size: 8,
      GraphDriver: { Name: "vfs", Data: null },
      Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
    });
    expect(inspection.RootFS.Layers).toHaveLength(2);
    expect(Object.keys(inspection.Config ?? {}).slice(0, 3)).toEqual(["Hostname", "Domainname", "User"]);
  });

  it("tell the steps that made it, the newest first, with what each added", async () => {
    const steps = await (await filledEngine()).history("lab/web:1");
    expect(steps.map(({ createdBy, size, comment }) => [createdBy, size, comment])).toEqual([
      ["top", 5, "c"],
      ["CMD", 0, ""],
      ["bottom", 3, ""],
    ]);
    expect(steps[0]?.tags).toEqual(["lab/web:1", "lab/web:2"]);
  });

  it("refuse a history that has more layers than the image", async () => {
    const engine = await testEngine("vfs");
    const history = [{ created_by: "a" }, { created_by: "b" }];
    await loadImages(engine, [{ tags: ["bad:1"], layers: [bottom], config: { history } }]);
    await expect(engine.history("bad:1")).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  });
});

describe("on a root that a dockerd holds", () => {
  it("reading works and changing is refused", async () => {
    const root = join(scratchDirectory(), "root");
    {
      await using filling = await openEngine({ root, driver: "vfs" });
      await loadImages(filling, [web, db, nameless]);
    }
    const dockerd = tryLock(join(root, "volumes/metadata.db"), "exclusive");
    expect(dockerd).not.toBeNull();
    await using engine = await openEngine({ root, driver: "vfs" });
    expect(await engine.info()).toMatchObject({ images: 3, readOnly: true });
    expect((await engine.inspect("db:1")).RepoTags).toEqual(["db:1"]);
    expect(await engine.history("db:1")).toHaveLength(1);
    for (const change of [engine.tag("db:1", "a:1"), engine.removeImage("db:1")]) {
      await expect(change).rejects.toMatchObject({ code: "ROOT_IN_USE" });
    }
    dockerd?.release();
  });
});

function hex(id: Digest): string {
  return id.slice("sha256:".length);
}
