import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { close, copyFileRange, fsync, ftruncate, pread, pwrite, syncfs, syncfsAsync, trySeek, write } from "./file.ts";

function newFile(content = ""): { path: string; fd: number } {
  const path = join(scratchDirectory(), "file");
  writeFileSync(path, content);
  const fd = openSync(path, "r+");
  onTestFinished(() => closeSync(fd));
  return { path, fd };
}

describe("reading and writing", () => {
  it("writes at a position past the end and leaves a hole", () => {
    const { path, fd } = newFile("ab");
    pwrite(fd, Buffer.from("z"), 1_000_000);
    expect(readFileSync(path).length).toBe(1_000_001);
    expect(trySeek(fd, 0, "data")).toBe(0);
    expect(trySeek(fd, 0, "hole")).toBeLessThan(1_000_000);
    expect(trySeek(fd, 2_000_000, "data")).toBe(-6);
  });

  it("writes views of shared memory, from where they begin", () => {
    const { path, fd } = newFile();
    const shared = new Uint8Array(new SharedArrayBuffer(16));
    shared.set(Buffer.from("0123456789"));
    write(fd, shared.subarray(2, 5));
    write(fd, shared.subarray(7, 9));
    expect(readFileSync(path, "latin1")).toBe("23478");
  });

  it("reads fewer bytes only at the end", () => {
    const { fd } = newFile("hello");
    const buffer = Buffer.alloc(4);
    expect(pread(fd, buffer, 0)).toBe(4);
    expect(pread(fd, buffer, 3)).toBe(2);
    expect(buffer.toString("latin1", 0, 2)).toBe("lo");
    expect(pread(fd, buffer, 5)).toBe(0);
  });

  it("cuts, syncs and copies a range", () => {
    const source = newFile("hello world");
    const target = newFile();
    ftruncate(source.fd, 8);
    fsync(source.fd);
    syncfs(source.fd);
    expect(copyFileRange(source.fd, target.fd, 0, 100)).toBe(8);
    expect(copyFileRange(source.fd, target.fd, 8, 100)).toBe(0);
    expect(readFileSync(target.path, "latin1")).toBe("hello wo");
  });

  it("syncs on another thread", async () => {
    await expect(syncfsAsync(newFile().fd)).resolves.toBeUndefined();
    await expect(syncfsAsync(-1)).rejects.toMatchObject({ errno: "EBADF" });
  });

  it("says that a range cannot be copied between files that do not allow it", () => {
    const source = openSync("/proc/self/fdinfo/0", "r");
    onTestFinished(() => closeSync(source));
    expect([null, 0]).toContain(copyFileRange(source, newFile().fd, 0, 10));
  });

  it.each([
    ["pwrite", () => pwrite(-1, Buffer.from("x"), 0)],
    ["write", () => write(-1, Buffer.from("x"))],
    ["pread", () => pread(-1, Buffer.alloc(1), 0)],
    ["close", () => close(-1)],
    ["fsync", () => fsync(-1)],
    ["ftruncate", () => ftruncate(-1, 0)],
  ])("%s throws on a descriptor that is not open", (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: "SYSTEM", errno: "EBADF" }));
  });

  it("reports a full device as NO_SPACE", () => {
    const fd = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(fd));
    expect(() => write(fd, Buffer.from("x"))).toThrow(expect.objectContaining({ code: "NO_SPACE", errno: "ENOSPC" }));
  });
});
