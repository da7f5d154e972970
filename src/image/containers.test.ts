import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestOf } from "../core/digest.ts";
import { type ContainerDirectories, listContainers, usesImage } from "./containers.ts";

const id = "c".repeat(64);
const image = digestOf("image");
const chain = digestOf("chain");

let directories: ContainerDirectories;

beforeEach(() => {
  const root = scratchDirectory();
  directories = { containers: join(root, "containers"), mounts: join(root, "mounts") };
});

function writeConfig(text: string): void {
  mkdirSync(join(directories.containers, id), { recursive: true });
  writeFileSync(join(directories.containers, id, "config.v2.json"), text);
}

function writeMount(): void {
  mkdirSync(join(directories.mounts, id), { recursive: true });
  writeFileSync(join(directories.mounts, id, "parent"), chain);
}

describe("the containers of a data root", () => {
  it("are none where no dockerd ever was", () => {
    expect(listContainers(directories)).toEqual([]);
  });

  it("have their image from their config", () => {
    writeConfig(JSON.stringify({ Image: image, State: { Running: false, Pid: 0 } }));
    writeMount();
    const [container] = listContainers(directories);
    expect(container).toEqual({ id, image, parent: chain, running: false });
    expect(usesImage(container!, image, digestOf("another"))).toBe(true);
    expect(usesImage(container!, digestOf("another"), chain)).toBe(false);
  });

  it.each([["{"], ["{}"], ["null"], [JSON.stringify({ Image: "nginx" })], [null]])(
    "are told by the layers they stand on where their config is %j",
    (config) => {
      if (config !== null) writeConfig(config);
      writeMount();
      const [container] = listContainers(directories);
      expect(container).toEqual({ id, image: null, parent: chain, running: false });
      expect(usesImage(container!, image, chain)).toBe(true);
      expect(usesImage(container!, image, null)).toBe(false);
    },
  );

  it.each([
    [process.pid, true],
    [2 ** 30, false],
    [0, false],
    ["1", false],
  ])("run only if their process %j is there: %j", (Pid, running) => {
    writeConfig(JSON.stringify({ Image: image, State: { Running: true, Pid } }));
    expect(listContainers(directories)[0]?.running).toBe(running);
  });

  it("are not taken from other names", () => {
    mkdirSync(join(directories.containers, "tmp"), { recursive: true });
    expect(listContainers(directories)).toEqual([]);
  });
});
