import { describe, expect, it } from "vitest";
import { compileCacheDirectory } from "./compile-cache.ts";

describe("compileCacheDirectory", () => {
  it.each([
    [{ XDG_CACHE_HOME: "/cache", HOME: "/home/u" }, "/cache/layerfs/compile-cache"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/home/u" }, "/home/u/.cache/layerfs/compile-cache"],
    [{ XDG_CACHE_HOME: "", HOME: "/home/u" }, "/home/u/.cache/layerfs/compile-cache"],
    [{ HOME: "/home/u", TMPDIR: "/tmp" }, "/home/u/.cache/layerfs/compile-cache"],
    [{ TMPDIR: "/tmp" }, null],
    [{ HOME: "" }, null],
    [{ HOME: "/proc/none" }, null],
  ])("is, with %j, %s", (env, expected) => {
    expect(compileCacheDirectory(env)).toBe(expected);
  });
});
