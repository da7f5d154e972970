import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestOf } from "../core/digest.ts";
import { prepareImageDb } from "./image-db.ts";
import { contentPath, type ImageLayout, imageLayout, metadataPath } from "./layout.ts";
import { readLastTagTime, readParents, writeLastTagTime } from "./metadata.ts";

const [child, parent] = [digestOf("child"), digestOf("parent")];
let layout: ImageLayout;

beforeEach(() => {
  layout = imageLayout(scratchDirectory(), "vfs");
  prepareImageDb(layout);
});

function writeParent(text: string): void {
  mkdirSync(metadataPath(layout, child));
  writeFileSync(join(metadataPath(layout, child), "parent"), text);
}

describe("what is recorded of images beside their configs", () => {
  it("has the parents of images that are there", () => {
    writeParent(parent);
    expect(readParents(layout)).toEqual(new Map());
    writeFileSync(contentPath(layout, child), "{}");
    expect(readParents(layout)).toEqual(new Map([[child, parent]]));
  });

  it("names a damaged record", () => {
    writeParent("nonsense");
    writeFileSync(contentPath(layout, child), "{}");
    expect(() => readParents(layout)).toThrow(
      expect.objectContaining({ code: "CORRUPT_STORE", message: expect.stringContaining(metadataPath(layout, child)) }),
    );
  });

  it.each([
    ["2026-01-15T10:20:30.120Z", "2026-01-15T10:20:30.12Z"],
    ["2026-01-15T10:20:30.000Z", "2026-01-15T10:20:30Z"],
    ["2026-01-15T10:20:00.000Z", "2026-01-15T10:20:00Z"],
  ])("has the time of the last tag as dockerd writes it: %s as %s", (time, written) => {
    expect(readLastTagTime(layout, child)).toBeNull();
    writeLastTagTime(layout, child, new Date(time));
    expect(readLastTagTime(layout, child)).toBe(written);
    const path = join(metadataPath(layout, child), "lastUpdated");
    expect(readFileSync(path, "utf8")).toBe(written);
    expect([statSync(path).mode & 0o777, statSync(metadataPath(layout, child)).mode & 0o777]).toEqual([0o600, 0o700]);
  });
});
