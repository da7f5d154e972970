import { describe, expect, it } from "vitest";
import { IMAGE_ID, OTHER_ID, type Run, runCommand } from "../../../test/support/command-line.ts";
import type { Finding } from "../../engine/check/findings.ts";

const MODE: Finding = {
  kind: "damage",
  images: ["nginx:latest", "redis:7"],
  diffID: IMAGE_ID,
  chainID: OTHER_ID,
  path: Buffer.from("/etc/mo\ntd"),
  onDisk: false,
  what: "mode",
  expected: "0644",
  found: "0600",
  hint: "load it again",
};
const SENTENCE = { ...MODE, path: null, what: "/root/x is missing", expected: null, found: null };
const ORPHAN: Finding = { ...SENTENCE, kind: "unreferenced", images: [], diffID: null, what: "/root/y: no record" };

function check(found: readonly Finding[], ...words: readonly string[]): Promise<Run> {
  const engine = { check: async () => ({ images: 1, layers: 2, unseen: [], findings: found }) };
  return runCommand(["check", ...words], { engine });
}

describe("layerfs check", () => {
  it("tells where, what and what to do, and fails where something is damaged", async () => {
    const { status, stdout, stderr } = await check([MODE, ORPHAN, SENTENCE]);
    const where = `nginx:latest, redis:7: layer ${IMAGE_ID.slice(7, 19)}`;
    expect(stdout.split("\n")).toEqual([
      `damage: ${where}: /etc/mo\\x0atd: mode is 0600, expected 0644`,
      `damage: ${where}: /root/x is missing`,
      "  -> load it again",
      "unreferenced: /root/y: no record",
      "  -> load it again",
      "checked 1 image, 2 layers: 2 damaged, 1 unreferenced",
      "",
    ]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("damage was found: 2 things") });
  });

  it("succeeds where there is only what nothing refers to", async () => {
    expect((await check([ORPHAN])).status).toBe(0);
    expect(await check([])).toMatchObject({
      status: 0,
      stdout: "checked 1 image, 2 layers: 0 damaged, 0 unreferenced\n",
    });
  });

  it("tells what could not be looked at, which is no damage", async () => {
    const engine = { check: async () => ({ images: 1, layers: 2, unseen: ["marks were not compared"], findings: [] }) };
    expect(await runCommand(["check"], { engine })).toMatchObject({
      status: 0,
      stdout: "note: marks were not compared\nchecked 1 image, 2 layers: 0 damaged, 0 unreferenced\n",
    });
  });

  it("gives all of it as JSON, and fails all the same", async () => {
    const { status, stdout } = await check([MODE], "--format", "json");
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ what: "mode", expected: "0644", found: "0600" }] });
    expect(status).toBe(1);
  });

  it("passes on the images, and whether contents are to be read", async () => {
    const { calls } = await runCommand(["check", "--quick", "nginx", "redis:7"]);
    expect(calls[0]).toMatchObject(["check", ["nginx", "redis:7"], { quick: true }]);
  });
});
