import { describe, expect, it } from "vitest";
import { configPlatform, type ImageConfig, parseConfig } from "./config.ts";
import { digestOf } from "./digest.ts";
import { hostPlatform } from "./platform.ts";

const DIFF_ID = digestOf("layer");
const VALID = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [DIFF_ID] } };

function parse(value: unknown): ImageConfig {
  return parseConfig(Buffer.from(JSON.stringify(value)));
}

describe("parseConfig", () => {
  it("reads the least that a config must have", () => {
    const config = parse(VALID);
    expect(config).toMatchObject({ os: "linux", architecture: "amd64", rootfs: { diffIDs: [DIFF_ID] }, history: [] });
    expect(config.config).toMatchObject({ env: [], cmd: [], entrypoint: [], labels: new Map() });
  });

  it("keeps the bytes, their digest and what it does not know", () => {
    const bytes = Buffer.from(JSON.stringify({ ...VALID, "moby.buildkit.cache.v0": "x" }, null, 1));
    expect(parseConfig(bytes)).toMatchObject({
      bytes,
      digest: digestOf(bytes),
      raw: { "moby.buildkit.cache.v0": "x" },
    });
  });

  it("reads the history", () => {
    const history = [
      { created: "2015-10-31T22:22:54.690851953Z", created_by: "ADD file in /", author: "a", comment: "c" },
      { created_by: "CMD sh", empty_layer: true },
    ];
    expect(parse({ ...VALID, history }).history).toEqual([
      { created: history[0]!.created, createdBy: "ADD file in /", author: "a", comment: "c", emptyLayer: false },
      { createdBy: "CMD sh", emptyLayer: true },
    ]);
  });

  it("reads how containers run", () => {
    const config = {
      User: "1:1",
      ExposedPorts: { "80/tcp": {} },
      Env: ["A=b"],
      Entrypoint: ["/bin/sh"],
      Cmd: "single",
      Volumes: { "/data": {} },
      WorkingDir: "/home",
      Labels: { key: "value" },
      StopSignal: "SIGKILL",
      OnBuild: ["RUN x"],
      StopTimeout: 5,
    };
    expect(parse({ ...VALID, config }).config).toEqual({
      user: "1:1",
      exposedPorts: ["80/tcp"],
      env: ["A=b"],
      entrypoint: ["/bin/sh"],
      cmd: ["single"],
      volumes: ["/data"],
      workingDir: "/home",
      labels: new Map([["key", "value"]]),
      stopSignal: "SIGKILL",
      onBuild: ["RUN x"],
      stopTimeout: 5,
    });
  });

  it("takes null for absent, as Docker writes it", () => {
    const config = { Env: null, Cmd: null, Entrypoint: null, Volumes: null, Labels: null, OnBuild: null };
    const rootfs = { type: "layers", diff_ids: null };
    const parsed = parse({ ...VALID, rootfs, config, history: null, created: null });
    expect(parsed).toMatchObject({ rootfs: { diffIDs: [] }, history: [], config: { env: [], volumes: [] } });
    expect(parse({ ...VALID, config: null }).config.env).toEqual([]);
  });

  it("takes this machine's platform where the config has none", () => {
    const config = parse({ rootfs: VALID.rootfs, os: "" });
    expect(configPlatform(config)).toEqual(hostPlatform());
  });

  it.each([
    ["a variant that is a number", { variant: 123 }],
    ["an os that is a number", { os: 123 }],
    ["a history that is no list", { history: "should be an array" }],
    ["a user that is a number", { config: { User: 1234 } }],
    ["an environment of numbers", { config: { Env: [7353] } }],
    ["a config that is a list", { config: [] }],
    ["no rootfs", { rootfs: undefined }],
    ["a rootfs of another type", { rootfs: { type: "layers+base", diff_ids: [] } }],
    ["a diffID that is no digest", { rootfs: { type: "layers", diff_ids: ["../../etc"] } }],
    ["a time that is none", { created: "yesterday" }],
    ["an empty_layer that is no truth value", { history: [{ empty_layer: "no" }] }],
  ])("refuses %s", (_, change) => {
    expect(() => parse({ ...VALID, ...change })).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });

  it("refuses what is no JSON", () => {
    expect(() => parseConfig(Buffer.from("invalid JSON"))).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });
});

it("gives the platform in normal form", () => {
  const arm = { ...VALID, architecture: "arm64", variant: "v8", "os.version": "1", "os.features": ["x"] };
  expect(configPlatform(parse(arm))).toEqual({ os: "linux", architecture: "arm64", osVersion: "1", osFeatures: ["x"] });
});
