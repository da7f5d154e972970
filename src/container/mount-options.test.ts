import { describe, expect, it } from "vitest";
import { cleanPath, parseTmpfs, parseVolume } from "./mount-options.ts";

describe("a volume option", () => {
  it.each([
    ["/data", { kind: "anonymous", source: "", destination: "/data", mode: [] }],
    ["/data/../x/", { kind: "anonymous", source: "", destination: "/x", mode: [] }],
    ["name:/data", { kind: "named", source: "name", destination: "/data", mode: [] }],
    ["name:/data:ro,nocopy", { kind: "named", source: "name", destination: "/data", mode: ["ro", "nocopy"] }],
    [
      "/host//dir/:/data:rshared,z",
      { kind: "bind", source: "/host/dir", destination: "/data", mode: ["rshared", "z"] },
    ],
  ])("%s is read", (text, expected) => {
    expect(parseVolume(text)).toEqual(expected);
  });

  it.each([
    ["", "invalid volume specification: ''"],
    [":", "invalid volume specification: ':'"],
    ["a:b:ro:x", "invalid volume specification: 'a:b:ro:x'"],
    ["/data:ro", "invalid volume specification: '/data:ro'"],
    ["name:rel", "invalid volume specification: 'name:rel': invalid mount path: 'rel' mount path must be absolute"],
    ["/host:/", "invalid volume specification: '/host:/': invalid specification: destination can't be '/'"],
    ["/host:/x:zz", "invalid mode: zz"],
    ["/host:/x:ro,rw", "invalid mode: ro,rw"],
    ["a/b:/x", '"a/b" includes invalid characters for a local volume name'],
    ["../up:/x", '"../up" includes invalid characters for a local volume name'],
  ])("%j is refused in Docker's words", (text, message) => {
    expect(() => parseVolume(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
    expect(() => parseVolume(text)).toThrow(message);
  });
});

it("a tmpfs option is a place and what follows its first colon", () => {
  expect(parseTmpfs("/run")).toEqual(["/run", ""]);
  expect(parseTmpfs("/run:size=1m,mode=1777:x")).toEqual(["/run", "size=1m,mode=1777:x"]);
});

it.each([
  ["/a//b/./c/../d/", "/a/b/d"],
  ["/../..", "/"],
  ["/", "/"],
])("%s is clean as %s", (path, expected) => {
  expect(cleanPath(path)).toBe(expected);
});
