import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { bootID } from "../sys/namespace.ts";
import { encodeState, readState, trustedBytes } from "./blob-state.ts";

describe("the state of a blob", () => {
  it("is read as it was written", () => {
    expect(readState(fileOf(encodeState(123456789)))).toEqual({ boot: bootID(), durable: 123456789 });
  });

  it("fits one sector, whatever it says, so that a crash leaves the old or the new", () => {
    expect(encodeState(Number.MAX_SAFE_INTEGER)).toHaveLength(encodeState(0).length);
    expect(encodeState(0).length).toBeLessThanOrEqual(512);
  });

  it.each([
    ["an empty file", Buffer.alloc(0)],
    ["a part of it", encodeState(4096).subarray(0, 30)],
    ["a changed number", Buffer.from(encodeState(4096).toString().replace(" 4096 ", " 8192 "))],
    ["zeros", Buffer.alloc(128)],
  ])("is none in %s", (_, bytes) => {
    expect(readState(fileOf(bytes))).toBeNull();
  });
});

describe("trustedBytes", () => {
  it.each([
    ["all of the file while the machine runs on", { boot: bootID(), durable: 10 }, 100, 100],
    ["what was synced after a restart", { boot: "another", durable: 10 }, 100, 10],
    ["no more than there is", { boot: "another", durable: 200 }, 100, 100],
    ["nothing without a state", null, 100, 0],
  ])("are %s", (_, state, size, expected) => {
    expect(trustedBytes(state, size)).toBe(expected);
  });
});

function fileOf(bytes: Uint8Array): number {
  const path = join(scratchDirectory(), "state");
  writeFileSync(path, bytes);
  return openSync(path, "r");
}
