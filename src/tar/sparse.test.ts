import { describe, expect, it } from "vitest";
import { checkedRuns, leadingSparseMap, oldSparseMap, paxSparse } from "./sparse.ts";

const records = (fields: Record<string, string>): Map<string, Buffer> =>
  new Map(Object.entries(fields).map(([key, value]) => [`GNU.sparse.${key}`, Buffer.from(value)]));
const invalid = expect.objectContaining({ code: "INVALID_TAR" });

describe("paxSparse", () => {
  it("finds nothing in ordinary records", () => {
    expect(paxSparse(new Map([["path", Buffer.from("a")]]), 0)).toBeNull();
  });

  it("takes an unknown version for an ordinary file", () => {
    expect(paxSparse(records({ major: "2", minor: "0", name: "real" }), 0)).toBeNull();
  });

  it("reads the map of format 0.1", () => {
    const sparse = paxSparse(records({ name: "real", size: "100", numblocks: "2", map: "0,10,50,5" }), 0);
    const map = [
      { offset: 0, length: 10 },
      { offset: 50, length: 5 },
    ];
    expect(sparse).toEqual({ map, name: Buffer.from("real"), size: 100 });
  });

  it("leaves the map of format 1.0 to the payload", () => {
    const sparse = paxSparse(records({ major: "1", minor: "0", name: "real", realsize: "100" }), 0);
    expect(sparse).toEqual({ map: null, name: Buffer.from("real"), size: 100 });
  });

  it.each([
    ["fewer runs than announced", { numblocks: "3", map: "0,10,50,5" }],
    ["half a run", { numblocks: "2", map: "0,10,50" }],
    ["a run that is no number", { numblocks: "1", map: "0,ten" }],
    ["a negative run", { numblocks: "1", map: "-5,10" }],
    ["no count", { map: "0,10" }],
    ["a size that is no number", { numblocks: "1", map: "0,10", size: "many" }],
  ])("refuses %s", (_, fields) => {
    expect(() => paxSparse(records(fields), 0)).toThrow(invalid);
  });
});

describe("oldSparseMap", () => {
  const run = (offset: string, length: string): string => offset.padStart(12, "0") + length.padStart(12, "0");
  const block = (at: number, runs: string, flagAt: number, more: boolean): Buffer => {
    const bytes = Buffer.alloc(512);
    bytes.write(runs, at);
    bytes[flagAt] = more ? 1 : 0;
    return bytes;
  };

  it("reads four runs from the header and 21 from each block after it", () => {
    const map = oldSparseMap(0);
    const four = Array.from({ length: 4 }, (_, i) => run(`${i}0`, "1")).join("");
    const many = Array.from({ length: 21 }, (_, i) => run(`${(i + 8).toString(8)}0`, "1")).join("");
    expect(map.add(block(386, four, 482, true))).toBe(true);
    expect(map.add(block(0, many, 504, true))).toBe(true);
    expect(map.add(block(0, run("1000", "2"), 504, false))).toBe(false);
    expect(map.runs).toHaveLength(26);
    expect(map.runs.at(-1)).toEqual({ offset: 512, length: 2 });
  });

  it("refuses a run that is no number", () => {
    expect(() => oldSparseMap(0).add(block(386, "nonsense".repeat(3), 482, false))).toThrow(invalid);
  });

  it("bounds how many blocks may follow", () => {
    const map = oldSparseMap(0);
    map.add(block(386, "", 482, true));
    const endless = (): void => {
      for (let i = 0; i < 3000; i++) map.add(block(0, "", 504, true));
    };
    expect(endless).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });
});

describe("leadingSparseMap", () => {
  const padded = (text: string): Buffer[] => {
    const whole = Buffer.alloc(Math.ceil(text.length / 512) * 512);
    whole.write(text);
    return Array.from({ length: whole.length / 512 }, (_, i) => whole.subarray(i * 512, i * 512 + 512));
  };

  it("reads a map that fills several blocks", () => {
    const runs = Array.from({ length: 200 }, (_, i) => ({ offset: i * 1000, length: 10 }));
    const text = `200\n${runs.map((r) => `${r.offset}\n${r.length}\n`).join("")}`;
    const map = leadingSparseMap(0);
    const results = padded(text).map((block) => map.add(block));
    expect(results.slice(0, -1).every((result) => result === null)).toBe(true);
    expect(results.at(-1)).toEqual(runs);
  });

  it("reads the map of a file that is one hole", () => {
    expect(leadingSparseMap(0).add(padded("0\n")[0]!)).toEqual([]);
  });

  it.each(["9".repeat(512), "x\n", "-1\n", "1\n0\n\n", "1\n0x1\n5\n"])("refuses %.20j", (text) => {
    expect(() => leadingSparseMap(0).add(padded(text)[0]!)).toThrow(invalid);
  });

  it("bounds a map that never ends", () => {
    const map = leadingSparseMap(0);
    const endless = (): void => {
      map.add(padded("999999999\n")[0]!);
      for (let i = 0; i < 3000; i++) map.add(Buffer.alloc(512, "9"));
    };
    expect(endless).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });
});

describe("checkedRuns", () => {
  it("drops empty runs", () => {
    const runs = [
      { offset: 0, length: 0 },
      { offset: 5, length: 2 },
      { offset: 10, length: 0 },
    ];
    expect(checkedRuns(runs, 10, 2, 0)).toEqual([{ offset: 5, length: 2 }]);
  });

  it.each([
    [
      "overlap",
      [
        [0, 5],
        [4, 5],
      ],
      9,
      10,
    ],
    [
      "descend",
      [
        [5, 1],
        [0, 1],
      ],
      9,
      2,
    ],
    ["have a negative length", [[5, -1]], 9, -1],
    ["reach beyond the end", [[5, 5]], 9, 5],
    ["hold less than is stored", [[5, 1]], 9, 2],
  ])("refuses runs that %s", (_, runs, size, stored) => {
    const list = runs.map(([offset, length]) => ({ offset: offset!, length: length! }));
    expect(() => checkedRuns(list, size, stored, 0)).toThrow(invalid);
  });
});
