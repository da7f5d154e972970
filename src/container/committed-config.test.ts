import { describe, expect, it } from "vitest";
import { parseConfig } from "../core/config.ts";
import { digestOf } from "../core/digest.ts";
import type { JsonRecord } from "../core/json-record.ts";
import { committedConfig, committedRunConfig } from "./committed-config.ts";
import type { Container } from "./container.ts";

const [lower, added] = [digestOf("lower"), digestOf("added")];
const id = "c".repeat(64);

function containerWith(config: JsonRecord): Container {
  const layer = { id, mountID: "m", initID: "m-init", parent: lower };
  const facts = { id, name: "box", created: null, image: null, state: "created" } as const;
  return { ...facts, document: {}, hostConfig: {}, config, layer };
}

const image = parseConfig(
  Buffer.from(
    JSON.stringify({
      architecture: "arm64",
      variant: "v8",
      os: "linux",
      author: "another",
      history: [{ created_by: "first", unknown: 1 }],
      rootfs: { type: "layers", diff_ids: [lower] },
    }),
  ),
);

describe("the config of a committed image", () => {
  const commit = { parent: image, config: { Cmd: ["new"] }, created: new Date("2026-01-02T03:04:05.678Z") };

  it("has the image's history and layers with one more, and what the container was", () => {
    const container = containerWith({ Cmd: ["sh", "-c", "x"], Hostname: "box" });
    const { raw } = committedConfig(container, { ...commit, diffID: added, author: "me", message: "why" });
    const created = "2026-01-02T03:04:05.678Z";
    expect(raw).toMatchObject({
      ...{ architecture: "arm64", variant: "v8", os: "linux", author: "me", container: id, created },
      config: { Cmd: ["new"] },
      container_config: { Cmd: ["sh", "-c", "x"], Hostname: "box" },
      history: [
        { created_by: "first", unknown: 1 },
        { created, author: "me", created_by: "sh -c x", comment: "why" },
      ],
      rootfs: { type: "layers", diff_ids: [lower, added] },
    });
    expect(Object.keys(raw)).toEqual(Object.keys(raw).toSorted());
  });

  it("has a step without a layer, and no words that were not said", () => {
    const { raw } = committedConfig(containerWith({ Entrypoint: ["x"] }), { ...commit, diffID: null });
    expect(raw.history).toEqual([
      { created_by: "first", unknown: 1 },
      { created: "2026-01-02T03:04:05.678Z", empty_layer: true },
    ]);
    expect(raw.rootfs).toEqual({ type: "layers", diff_ids: [lower] });
    expect(raw).not.toHaveProperty("author");
  });

  it("is one of its own where the container is of no image", () => {
    const { raw, os } = committedConfig(containerWith({}), { ...commit, parent: null, diffID: added });
    expect({ os, history: raw.history, rootfs: raw.rootfs }).toMatchObject({
      os: "linux",
      history: [{ created: "2026-01-02T03:04:05.678Z" }],
      rootfs: { diff_ids: [added] },
    });
  });
});

describe("how containers of a committed image run", () => {
  it("is how the container runs", () => {
    const config = { Cmd: ["sh"], Env: ["A=1"], Labels: { a: "b" }, StopTimeout: 5, Hostname: "box", Tty: true };
    expect(committedRunConfig(containerWith(config), [])).toMatchObject(config);
  });

  it.each<[string, JsonRecord, string[], JsonRecord]>([
    ["no environment", {}, [], { Env: null, Labels: {} }],
    ["a variable in its place", { Env: ["A=1", "B=2"] }, ["ENV A=3 C=4"], { Env: ["A=3", "B=2", "C=4"] }],
    ["an entrypoint without the old command", { Cmd: ["sh"] }, ["ENTRYPOINT x"], { Cmd: null }],
    ["the old entrypoint", { Entrypoint: ["x"], Cmd: ["y"] }, ['CMD ["z"]'], { Entrypoint: ["x"], Cmd: ["z"] }],
    [
      "the old entrypoint for an empty one",
      { Entrypoint: ["x"], Cmd: ["y"] },
      ["ENTRYPOINT []"],
      { Entrypoint: ["x"], Cmd: ["y"] },
    ],
    ["one more label", { Labels: { a: "1", b: "2" } }, ["LABEL b=3"], { Labels: { a: "1", b: "3" } }],
    ["one more port", { ExposedPorts: { "1/tcp": {} } }, ["EXPOSE 2"], { ExposedPorts: { "1/tcp": {}, "2/tcp": {} } }],
    ["one more volume", { Volumes: { "/a": {} } }, ["VOLUME /b"], { Volumes: { "/a": {}, "/b": {} } }],
    [
      "what a check does not say",
      { Healthcheck: { Test: ["CMD", "x"], Interval: 5, Retries: 2 } },
      ["HEALTHCHECK --retries=3 CMD y"],
      { Healthcheck: { Test: ["CMD-SHELL", "y"], Interval: 5, Retries: 3 } },
    ],
  ])("has %s", (_, config, changes, expected) => {
    expect(committedRunConfig(containerWith(config), changes)).toMatchObject(expected);
  });
});
