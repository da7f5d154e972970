import { describe, expect, it } from "vitest";
import { checkOptions } from "./storage-options.ts";

describe("checkOptions", () => {
  it("accepts known keys", () => {
    expect(() => checkOptions("overlay2", new Map([["overlay2.size", "1G"]]), ["overlay2.size"])).not.toThrow();
  });

  it.each([
    [[], 'storage option "a.b" is unknown to vfs: it has none'],
    [["vfs.x", "vfs.y"], 'storage option "a.b" is unknown to vfs: expected vfs.x, vfs.y'],
  ])("names an unknown key and the known ones %j", (known, message) => {
    expect(() => checkOptions("vfs", new Map([["a.b", "1"]]), known)).toThrow(
      expect.objectContaining({ code: "USAGE", message }),
    );
  });
});
