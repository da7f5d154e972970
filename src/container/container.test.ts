import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestOf } from "../core/digest.ts";
import { vfs } from "../driver/vfs.ts";
import { layerStore } from "../layer/store.ts";
import { mountHolders } from "../mount/holders.ts";
import { type ContainerStore, listContainers } from "./container.ts";
import { imageUsers } from "./image-users.ts";
import { resolveContainer } from "./resolve.ts";

const id = "c".repeat(64);
const image = digestOf("image");
const chain = digestOf("chain");
const CREATED = { Running: false, Pid: 0, StartedAt: "0001-01-01T00:00:00Z" };

let store: ContainerStore;

beforeEach(async () => {
  const root = scratchDirectory();
  const driver = await vfs.open({ root, options: new Map(), readOnly: false });
  const layers = layerStore({ root, driver, imageChains: () => [], mountedIDs: () => [] });
  store = { root, layers, holders: mountHolders(root) };
});

function writeConfig(config: unknown, name = id): void {
  const directory = join(store.root, "containers", name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.v2.json"), typeof config === "string" ? config : JSON.stringify(config));
}

function writeLayer(): void {
  const directory = join(store.layers.layout.mounts, id);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries({ parent: chain, "mount-id": "m", "init-id": "m-init" })) {
    writeFileSync(join(directory, name), text);
  }
}

describe("the containers of a data root", () => {
  it("are none where nobody made one", () => {
    expect(listContainers(store)).toEqual([]);
  });

  it("are read from the records that Docker keeps", () => {
    const config = { Image: "nginx", Cmd: ["sh"] };
    const document = { Image: image, Name: "/web", Driver: "vfs", Created: "2026-01-02T03:04:05Z", State: CREATED };
    writeConfig({ ...document, Config: config });
    writeFileSync(join(store.root, "containers", id, "hostconfig.json"), '{"NetworkMode":"none"}');
    writeLayer();
    expect(listContainers(store)).toEqual([
      {
        id,
        name: "web",
        created: "2026-01-02T03:04:05Z",
        image,
        state: "created",
        document: { ...document, Config: config },
        hostConfig: { NetworkMode: "none" },
        config,
        layer: { id, mountID: "m", initID: "m-init", parent: chain },
      },
    ]);
  });

  it.each([
    ["created", CREATED],
    ["exited", { ...CREATED, StartedAt: "2026-01-02T03:04:05Z" }],
    ["running", { ...CREATED, Running: true, Pid: process.pid }],
    ["paused", { ...CREATED, Running: true, Pid: process.pid, Paused: true }],
    ["restarting", { ...CREATED, Running: true, Pid: process.pid, Restarting: true }],
    ["removing", { ...CREATED, RemovalInProgress: true }],
    ["dead", { ...CREATED, Dead: true }],
    ["exited", { Running: true, Pid: 2 ** 30, StartedAt: "2026-01-02T03:04:05Z" }],
    ["created", { Running: true, Pid: 0 }],
    ["created", { Running: true, Pid: "1" }],
  ])("are %s where their state is %j", (state, State) => {
    writeConfig({ State });
    expect(listContainers(store)[0]?.state).toBe(state);
  });

  it("are not taken from other names, nor from other drivers", () => {
    mkdirSync(join(store.root, "containers", "tmp"), { recursive: true });
    writeConfig({ Driver: "overlay2" });
    expect(listContainers(store)).toEqual([]);
  });

  it.each(["{", "{}", "null", "[]"])("are known by their ids where their config is %s", (config) => {
    writeConfig(config);
    expect(resolveContainer(store, id)).toMatchObject({ id, name: null, image: null, config: {} });
  });
});

describe("a container", () => {
  const other = `cc${"d".repeat(62)}`;

  beforeEach(() => {
    writeConfig({ Name: "/web" });
    writeConfig({ Name: "/cdd" }, other);
  });

  it.each([
    ["its id", id, id],
    ["its name", "web", id],
    ["its name with a slash", "/web", id],
    ["the beginning of its id", "ccd", other],
    ["its name, which wins over the beginning of an id", "cdd", other],
  ])("is found by %s", (_, text, expected) => {
    expect(resolveContainer(store, text).id).toBe(expected);
  });

  it.each([
    ["nothing", "", "USAGE", "No container name or ID supplied"],
    ["the beginning of two ids", "cc", "AMBIGUOUS", "multiple IDs found with provided prefix: cc"],
    ["another word", "nosuch", "NOT_FOUND", "No such container: nosuch"],
    ["another id", "e".repeat(64), "NOT_FOUND", `No such container: ${"e".repeat(64)}`],
  ])("is not found by %s", (_, text, code, message) => {
    expect(() => resolveContainer(store, text)).toThrow(expect.objectContaining({ code, message }));
  });
});

describe("the users of an image", () => {
  it("are the containers that name it in their config, whatever they stand on", () => {
    writeConfig({ Image: image, State: CREATED });
    writeLayer();
    const usersOf = imageUsers(store);
    expect(usersOf(image, digestOf("another"))).toEqual([{ id, running: false }]);
    expect(usersOf(digestOf("another"), chain)).toEqual([]);
  });

  it.each([["{"], ["{}"], ["null"], [JSON.stringify({ Image: "nginx" })], [null]])(
    "are told by the layers they stand on where their config is %j",
    (config) => {
      if (config !== null) writeConfig(config);
      writeLayer();
      const usersOf = imageUsers(store);
      expect(usersOf(image, chain)).toEqual([{ id, running: false }]);
      expect(usersOf(image, null)).toEqual([]);
    },
  );
});
