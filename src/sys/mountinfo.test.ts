import { describe, expect, it } from "vitest";
import { parseMountInfo, readMountInfo } from "./mountinfo.ts";

describe("parseMountInfo", () => {
  it("reads a line with optional fields and octal escapes", () => {
    const line = String.raw`36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue`;
    expect(parseMountInfo(`${line}\n`)).toEqual([
      {
        id: 36,
        parent: 35,
        device: "98:0",
        root: "/mnt1",
        mountPoint: "/mnt 2\\x",
        options: ["rw", "noatime"],
        fsType: "ext3",
        source: "/dev/root",
        superOptions: ["rw", "errors=continue"],
      },
    ]);
  });

  it("reads a line without optional fields, and UTF-8", () => {
    const line = Buffer.from("1 0 0:1 / /é rw - tmpfs none rw").toString("latin1");
    expect(parseMountInfo(line)).toMatchObject([{ mountPoint: "/é", fsType: "tmpfs", source: "none" }]);
  });
});

describe("readMountInfo", () => {
  it("finds the root and /proc", () => {
    expect(readMountInfo().map((mount) => mount.mountPoint)).toEqual(expect.arrayContaining(["/", "/proc"]));
  });

  it("throws for an absent process", () => {
    expect(() => readMountInfo(2 ** 30)).toThrow(expect.objectContaining({ code: "SYSTEM", errno: "ENOENT" }));
  });
});
