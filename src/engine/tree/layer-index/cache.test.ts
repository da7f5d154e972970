import { closeSync, openSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type LayerfsProcess, startNode } from "../../../../test/support/layerfs-process.ts";
import { randomBytesOf, randomOf } from "../../../../test/support/random.ts";
import { scratchDirectory } from "../../../../test/support/scratch.ts";
import { tryLock } from "../../../sys/lock.ts";
import { CACHE_VERSION, indexCache } from "./cache.ts";

const MAX_BYTES = 1 << 20;
const key = (number: number): string => `${number}`.padStart(64, "0");

function files(directory: string): string[] {
  return readdirSync(join(directory, CACHE_VERSION)).sort();
}

function bytesIn(directory: string): number {
  return files(directory).reduce((sum, name) => sum + statSync(join(directory, CACHE_VERSION, name)).size, 0);
}

/** A process that writes records of up to 100 KB, each of one byte again and again, until it has written `count`. */
function startWriter(directory: string, first: number, count: number): LayerfsProcess {
  const script = `
    import { indexCache } from ${JSON.stringify(join(import.meta.dirname, "cache.ts"))};
    const cache = indexCache(${JSON.stringify(directory)}, { maxBytes: ${MAX_BYTES} });
    for (let number = ${first}; number < ${first + count}; number++) {
      const size = 1 + (number * 7919) % 100_000;
      cache.write("trees", String(number).padStart(64, "0"), [Buffer.alloc(size, number)]);
    }`;
  return startNode(["--input-type=module", "-e", script]);
}

describe("the cache of what passes have found", () => {
  it("gives back each kind of record, and none that was damaged in any byte", () => {
    const directory = scratchDirectory();
    const cache = indexCache(directory);
    const content = randomBytesOf("record", 80);
    for (const kind of ["layers", "points", "trees", "files"] as const) {
      cache.write(kind, key(1), [content.subarray(0, 30), content.subarray(30)]);
      expect(cache.read(kind, key(1))).toEqual(content);
      const path = join(directory, CACHE_VERSION, `${kind}-${key(1)}`);
      const whole = readFileSync(path);
      for (let at = 0; at < whole.length; at++) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1 << (at % 8);
        writeFileSync(path, damaged);
        expect(cache.read(kind, key(1))).toBeNull();
        writeFileSync(path, whole.subarray(0, at));
        expect(cache.read(kind, key(1))).toBeNull();
      }
      writeFileSync(path, whole);
      expect(cache.read(kind, key(1))).toEqual(content);
    }
  });

  it("loses what writers that are gone have left as soon as somebody looks for a record", () => {
    const directory = scratchDirectory();
    indexCache(directory).write("trees", key(1), [Buffer.from("kept")]);
    const [left, held] = [".0011.tmp", ".2233.tmp"].map((name) => join(directory, CACHE_VERSION, name));
    for (const path of [left!, held!]) closeSync(openSync(path, "w"));
    using _lock = tryLock(held!, "exclusive");
    expect(indexCache(directory).read("trees", key(1))?.toString()).toBe("kept");
    expect(files(directory)).toEqual([".2233.tmp", `trees-${key(1)}`]);
  });

  it("keeps its bound with several writers, some of whom are killed, and holds whole records only", async () => {
    const directory = scratchDirectory();
    const random = randomOf("writers");
    const writers = Array.from({ length: 4 }, (_, index) => startWriter(directory, index * 1000, 150));
    const killed = Array.from({ length: 3 }, async (_, index) => {
      const { process, ended } = startWriter(directory, 10_000 + index * 1000, 1_000);
      await Promise.race([ended, sleep(150 + random.fraction() * 600)]);
      process.kill("SIGKILL");
      return await ended;
    });
    for (const { status, stderr } of await Promise.all(writers.map(({ ended }) => ended))) {
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    }
    await Promise.all(killed);
    const cache = indexCache(directory, { maxBytes: MAX_BYTES });
    expect(cache.read("trees", key(0))).toBeNull();
    expect(bytesIn(directory)).toBeLessThanOrEqual(MAX_BYTES);
    const numbers = files(directory).map((name) => Number(/^trees-(\d{64})$/.exec(name)?.[1]));
    expect(numbers.length).toBeGreaterThan(5);
    for (const number of numbers) {
      const size = 1 + ((number * 7919) % 100_000);
      expect(cache.read("trees", key(number))?.equals(Buffer.alloc(size, number))).toBe(true);
    }
  });

  it("removes what was unused for longest first", () => {
    const directory = scratchDirectory();
    const cache = indexCache(directory, { maxBytes: 3000 });
    const keep = (number: number, used: number): void => {
      cache.write("files", key(number), [Buffer.alloc(900, number)]);
      utimesSync(join(directory, CACHE_VERSION, `files-${key(number)}`), used, used);
    };
    for (const [number, used] of [1_700_000_003, 1_700_000_001, 1_700_000_002].entries()) keep(number, used);
    // Reading it is a use.
    expect(cache.read("files", key(1))).not.toBeNull();
    keep(3, 1_700_000_004);
    keep(4, 1_700_000_005);
    expect(files(directory)).toEqual([1, 3, 4].map((number) => `files-${key(number)}`));
  });
});
