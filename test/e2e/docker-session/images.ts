import { elf } from "../../../scripts/sample/programs.ts";
import { buildConfig, type TestImage } from "../../support/image-builder.ts";
import { layerTar } from "../../support/tar-builder.ts";

const base = layerTar([{ name: "base", data: "b".repeat(1234) }]);
const app = layerTar([{ name: "app", data: "a".repeat(2_345_678) }]);

const everyField = {
  Labels: { tier: "1", role: "web" },
  Env: ["A=1"],
  Cmd: ["/app"],
  ExposedPorts: { "80/tcp": {} },
  Healthcheck: { Test: ["CMD", "/app"], Retries: 3 },
  Volumes: { "/v": {} },
  WorkingDir: "/w",
  StopSignal: "SIGINT",
};

/** With names in two repositories, and everything in its config that `inspect` and `history` show. */
export const one: TestImage = {
  tags: ["lab/one:1", "lab/one:2", "other:latest"],
  layers: [base, app],
  config: {
    author: "Ann",
    comment: "of the image",
    created: "2023-11-14T22:13:20.123456780Z",
    docker_version: "20.10.24",
    container: "c0ffee",
    container_config: { Cmd: ["build"], Tty: true },
    config: everyField,
    history: [
      { created: "2023-11-14T22:13:18Z", created_by: `/bin/sh -c #(nop) ADD file:${"0123456789".repeat(4)} in / ` },
      { created: "2023-11-14T22:13:19Z", created_by: '/bin/sh -c #(nop)  CMD ["sh"]', empty_layer: true },
      { created: "2023-11-14T22:13:20Z", created_by: "COPY\tapp /  # buildkit", comment: "buildkit.dockerfile.v0" },
    ],
  },
};

export const two: TestImage = {
  tags: ["two:1"],
  layers: [base],
  config: { created: "2024-05-01T00:00:00Z", config: { Labels: { role: "db" } }, history: [] },
};

export const empty: TestImage = { tags: ["empty:1"], layers: [], config: { created: undefined, history: [] } };

export const nameless: TestImage = {
  tags: [],
  layers: [layerTar([{ name: "nameless", data: "x" }])],
  config: { created: "2022-01-01T00:00:00Z" },
};

/** Takes the name of `two`. */
export const newTwo: TestImage = {
  tags: ["two:1"],
  layers: [layerTar([{ name: "new", data: "xy" }])],
  config: { created: "2024-06-01T00:00:00Z" },
};

/** These are in both stores before the session, with the digests that a pull would have left. */
export const pulled: TestImage = {
  tags: ["mirror.example/p:1", "pulled:1", "pulled:2"],
  layers: [layerTar([{ name: "pulled", data: "p" }])],
  config: { created: "2021-01-01T00:00:00Z" },
};
export const byDigest: TestImage = {
  tags: ["digest-only:1"],
  layers: [layerTar([{ name: "by-digest", data: "d" }])],
  config: { created: "2021-02-01T00:00:00Z" },
};
export const manifests: Readonly<Record<"mirror" | "pulled" | "byDigest", string>> = {
  mirror: manifest("a"),
  pulled: manifest("b"),
  byDigest: manifest("c"),
};

/** Has a program that waits for ever: pause(2), again and again. */
export const running: TestImage = {
  tags: ["run:1"],
  layers: [layerTar([{ name: "wait", mode: 0o755, data: elf("b8 22 00 00 00", "0f 05", "eb f7") }])],
  config: { created: "2020-01-01T00:00:00Z", config: { Cmd: ["/wait"] } },
};

/** Others are committed on it. */
export const parent: TestImage = {
  tags: ["parent:1"],
  layers: [layerTar([{ name: "parent", data: "x" }])],
  config: { created: "2020-02-01T00:00:00Z", config: everyField },
};

export function idOf(image: TestImage): string {
  return buildConfig(image).id;
}

function manifest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}
