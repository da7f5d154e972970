import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { acquireLock, tryLock } from "./lock.ts";

function lockFile(): string {
  const path = join(scratchDirectory(), "lock");
  writeFileSync(path, "");
  return path;
}

describe("tryLock", () => {
  it("gives an exclusive lock once, and again after its release", () => {
    const path = lockFile();
    const lock = tryLock(path, "exclusive");
    expect(tryLock(path, "exclusive")).toBeNull();
    expect(tryLock(path, "shared")).toBeNull();
    lock?.release();
    lock?.release();
    using again = tryLock(path, "exclusive");
    expect(again).not.toBeNull();
  });

  it("gives a shared lock many times", () => {
    const path = lockFile();
    using one = tryLock(path, "shared");
    using two = tryLock(path, "shared");
    expect([one, two]).not.toContain(null);
    expect(tryLock(path, "exclusive")).toBeNull();
  });

  it("makes the file only if a mode is given", () => {
    const path = join(scratchDirectory(), "new");
    expect(() => tryLock(path, "shared")).toThrow(expect.objectContaining({ errno: "ENOENT" }));
    tryLock(path, "shared", 0o600)?.release();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is not inherited by a child process", () => {
    const path = lockFile();
    using lock = tryLock(path, "exclusive");
    const child = spawnSync("readlink", [`/proc/self/fd/${lock?.fd}`], { encoding: "utf8" });
    expect(child.stdout).not.toContain(path);
  });
});

describe("acquireLock", () => {
  it("waits until another process releases the lock", async () => {
    const path = lockFile();
    const other = spawn("flock", [path, "sh", "-c", "echo held; sleep 0.2"]);
    await once(other.stdout, "data");
    const ended = once(other, "exit");
    using _ = await acquireLock(path, "exclusive");
    await ended;
  });

  it("fails with ROOT_IN_USE when the time is over", async () => {
    const path = lockFile();
    using _ = tryLock(path, "exclusive");
    await expect(acquireLock(path, "shared", { timeoutMs: 20 })).rejects.toMatchObject({
      code: "ROOT_IN_USE",
      message: expect.stringContaining(path),
    });
  });

  it.each([
    ["before", () => AbortSignal.abort()],
    ["while it waits", () => AbortSignal.timeout(20)],
  ])("fails with CANCELLED when the signal is aborted %s", async (_, makeSignal) => {
    const path = lockFile();
    using _held = tryLock(path, "exclusive");
    await expect(acquireLock(path, "shared", { signal: makeSignal() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
