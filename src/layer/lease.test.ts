import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestOf } from "../core/digest.ts";
import { type LayerLayout, layerLayout } from "./layout.ts";
import { createLease, readLeases } from "./lease.ts";

const WANTED = { reason: "test", chainIDs: [digestOf("a"), digestOf("b")], making: [digestOf("b")], cacheIDs: ["c"] };
let root: string;
let layout: LayerLayout;

beforeEach(() => {
  root = scratchDirectory();
  layout = layerLayout(root, "overlay2");
});

it("is live while its owner has it, and gone with the owner", () => {
  {
    using lease = createLease(layout, WANTED);
    expect(readLeases(layout)).toEqual({ live: [{ id: lease.id, pid: process.pid, ...WANTED }], stale: [] });
  }
  expect(readdirSync(layout.leases)).toEqual([]);
});

it("is stale once its owner was killed, and keeps what it names until it is discarded", () => {
  const lease = pathToFileURL(join(import.meta.dirname, "lease.ts")).href;
  const layoutModule = pathToFileURL(join(import.meta.dirname, "layout.ts")).href;
  const program = `
    import { createLease } from ${JSON.stringify(lease)};
    import { layerLayout } from ${JSON.stringify(layoutModule)};
    createLease(layerLayout(${JSON.stringify(root)}, "overlay2"), ${JSON.stringify(WANTED)});
    process.kill(process.pid, "SIGKILL");`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", program]);
  expect(signal).toBe("SIGKILL");
  const [stale] = readLeases(layout).stale;
  expect(stale).toMatchObject(WANTED);
  expect(readLeases(layout).live).toEqual([]);
  stale?.discard();
  expect(readdirSync(layout.leases)).toEqual([]);
});

it("was never made where only its beginning is there", () => {
  using _other = createLease(layout, WANTED);
  writeFileSync(join(layout.leases, "0123.json.new"), '{"id":');
  expect(readLeases(layout).stale).toEqual([]);
  expect(readdirSync(layout.leases)).toHaveLength(1);
});
