import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { type Efficiency, efficiencyMeter } from "./efficiency.ts";

function measure(...layers: readonly (readonly EntryFields[])[]): Efficiency {
  const meter = efficiencyMeter();
  for (const fields of layers) {
    meter.layer();
    for (const each of fields) meter.add(tarEntry(each));
  }
  return meter.result();
}

describe("the efficiency of an image", () => {
  it("is 1 where no path is in two layers", () => {
    expect(measure([{ name: "a", size: 10 }], [{ name: "b", size: 5 }])).toEqual({
      efficiency: 1,
      sizeBytes: 15,
      userSizeBytes: 5,
      wastedBytes: 0,
      wastedUserPercent: 0,
      inefficient: [],
    });
  });

  it("counts the smallest size of each path as needed, and all sizes of what is there twice as wasted", () => {
    const found = measure(
      [
        { name: "a", size: 10 },
        { name: "b", size: 70 },
      ],
      [{ name: "./a", size: 20 }],
    );
    expect(found).toMatchObject({ efficiency: 0.8, wastedBytes: 30, wastedUserPercent: 1.5 });
    expect(found.inefficient).toEqual([{ path: Buffer.from("/a"), count: 2, bytes: 30 }]);
  });

  it("takes a deleted file for one of no size, a deleted directory for one of all that was in it", () => {
    expect(measure([{ name: "d/a", size: 10 }], [{ name: "d/.wh.a" }])).toMatchObject({
      efficiency: 0,
      wastedBytes: 10,
    });
    const files = [
      { name: "d/", kind: "directory" },
      { name: "d/a", size: 10 },
      { name: "d/b", size: 30 },
    ] as const;
    expect(measure(files, [{ name: ".wh.d" }], files)).toMatchObject({
      efficiency: 80 / 120,
      inefficient: [
        { path: Buffer.from("/d/b"), count: 2, bytes: 60 },
        { path: Buffer.from("/d/a"), count: 2, bytes: 20 },
      ],
    });
  });

  it("passes over opaque markers, and over whiteouts of nothing", () => {
    const found = measure([{ name: "d/a", size: 10 }], [{ name: "d/.wh..wh..opq" }, { name: "d/.wh.x" }]);
    expect(found).toMatchObject({ efficiency: 1, wastedBytes: 0, inefficient: [] });
  });

  it("is 1 of an image without a byte", () => {
    expect(measure().efficiency).toBe(1);
  });
});
