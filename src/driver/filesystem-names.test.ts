import { describe, expect, it } from "vitest";
import { type FileSystemKind, fileSystem, makeFileSystem } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { fileSystemName } from "./filesystem-names.ts";

const KINDS: readonly (readonly [FileSystemKind, string])[] = [
  ["ext4", "extfs"],
  ["xfs", "xfs"],
  ["btrfs", "btrfs"],
  ["tmpfs", "tmpfs"],
];

describe.each(KINDS)("a new %s", (kind, name) => {
  requires(fileSystem(kind));

  it(`is called ${name}, as in docker info`, () => {
    using made = makeFileSystem(kind);
    expect(fileSystemName(made.directory)).toBe(name);
  });
});

describe("fileSystemName", () => {
  it("has a word for file systems that Docker has no name for", () => {
    expect(fileSystemName("/proc")).toBe("<unknown>");
  });

  it("throws for an absent path", () => {
    expect(() => fileSystemName("/absent/path")).toThrow("ENOENT");
  });
});
