import { statfsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeFileSystem } from "../../../test/support/filesystems.ts";
import { mounting, requires, root } from "../../../test/support/requires.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { reserveOf, spaceGuard } from "./space-guard.ts";

const GB = 1024 ** 3;

describe("reserveOf", () => {
  it.each([
    [GB, Math.floor(GB / 50)],
    [100 * GB, 128 * 1024 ** 2],
    [0, 0],
  ])("keeps of %i bytes %i", (total, reserve) => {
    expect(reserveOf(total)).toBe(reserve);
  });
});

describe("spaceGuard", () => {
  requires(root(), mounting());

  it("lets pass what fits, and refuses what would take of the reserve", () => {
    using place = makeFileSystem("tmpfs", { size: "32M" });
    const fd = openDirectory(place.directory);
    const { bsize, blocks } = statfsSync(place.directory);
    const usable = bsize * blocks - reserveOf(bsize * blocks);
    try {
      expect(() => spaceGuard(fd, { maxLayerSize: null }).bytes(usable)).not.toThrow();
      const refusal = expect.objectContaining({ code: "NO_SPACE", hint: expect.stringContaining("free some space") });
      expect(() => spaceGuard(fd, { maxLayerSize: null }).bytes(usable + 1)).toThrow(refusal);
    } finally {
      close(fd);
    }
  });

  it("counts all of a layer's content against its bound", () => {
    using place = makeFileSystem("tmpfs", { size: "32M" });
    const fd = openDirectory(place.directory);
    try {
      const guard = spaceGuard(fd, { maxLayerSize: 100 });
      guard.bytes(60);
      guard.node();
      guard.bytes(40);
      expect(() => guard.bytes(1)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    } finally {
      close(fd);
    }
  });
});
