import { describe, expect, it } from "vitest";
import { checkLayerID, isLayerID } from "./layer-id.ts";

describe("a layer id", () => {
  it.each(["0".repeat(64), `${"f".repeat(64)}-init`, "my-layer.1", "A_b"])("can be %s", (id) => {
    expect(isLayerID(id)).toBe(true);
  });

  it.each(["", ".", "..", "l", "a/b", "-a", "a b", "a\0", "check-overlayfs-x", "x-removing", "x".repeat(201)])(
    "cannot be %j",
    (id) => {
      expect(isLayerID(id)).toBe(false);
      expect(() => checkLayerID(id)).toThrow(expect.objectContaining({ code: "USAGE" }));
    },
  );
});
