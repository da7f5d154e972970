import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { umask } from "./at.ts";
import { fsyncDirectory, publishDirectory, writeFileDurably } from "./durable.ts";

describe("writeFileDurably", () => {
  it("writes and replaces a file, leaving nothing beside it", () => {
    const directory = scratchDirectory();
    const path = join(directory, "record");
    writeFileDurably(path, "one", { mode: 0o644 });
    writeFileDurably(path, Buffer.from("two"), { mode: 0o600 });
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(readdirSync(directory)).toEqual(["record"]);
  });

  it("gives the exact mode, whatever the umask", () => {
    const path = join(scratchDirectory(), "record");
    const before = umask(0o077);
    writeFileDurably(path, "", { mode: 0o644 });
    umask(before);
    expect(statSync(path).mode & 0o7777).toBe(0o644);
  });

  it("leaves no temporary file when it fails", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "taken/x"), { recursive: true });
    expect(() => writeFileDurably(join(directory, "taken"), "", { mode: 0o600 })).toThrow(
      expect.objectContaining({ code: "SYSTEM", errno: "EISDIR" }),
    );
    expect(readdirSync(directory)).toEqual(["taken"]);
  });
});

describe("publishDirectory", () => {
  it("renames the directory to its final name", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "tmp"));
    writeFileSync(join(directory, "tmp/a"), "1");
    publishDirectory(join(directory, "tmp"), join(directory, "final"));
    expect(readFileSync(join(directory, "final/a"), "utf8")).toBe("1");
    expect(readdirSync(directory)).toEqual(["final"]);
  });

  it("fails with CONFLICT even if the other directory is empty, and changes nothing", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "tmp"));
    mkdirSync(join(directory, "final"));
    expect(() => publishDirectory(join(directory, "tmp"), join(directory, "final"))).toThrow(
      expect.objectContaining({ code: "CONFLICT" }),
    );
    expect(readdirSync(directory).sort()).toEqual(["final", "tmp"]);
  });

  it("fails where there is nothing to publish", () => {
    const directory = scratchDirectory();
    expect(() => publishDirectory(join(directory, "absent"), join(directory, "final"))).toThrow("ENOENT");
  });
});

describe("fsyncDirectory", () => {
  it("throws on an absent directory", () => {
    expect(() => fsyncDirectory(join(scratchDirectory(), "absent"))).toThrow(
      expect.objectContaining({ code: "SYSTEM", errno: "ENOENT" }),
    );
  });
});
