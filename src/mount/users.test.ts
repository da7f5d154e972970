import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { allProcesses, processesUsing, unlessHidden } from "./users.ts";

describe("processesUsing", () => {
  it("finds a process with an open file below the path", () => {
    const directory = scratchDirectory();
    const path = join(directory, "f");
    writeFileSync(path, "");
    const fd = openSync(path, "r");
    onTestFinished(() => closeSync(fd));
    expect(processesUsing(directory)).toEqual([process.pid]);
    expect(processesUsing(path)).toEqual([process.pid]);
  });

  it("is not misled by a path that begins the same", () => {
    const directory = scratchDirectory();
    const fd = openSync(directory, "r");
    onTestFinished(() => closeSync(fd));
    expect(processesUsing(directory.slice(0, -1))).toEqual([]);
  });
});

describe("allProcesses", () => {
  it("has this one", () => {
    expect(allProcesses()).toContain(process.pid);
  });
});

describe("unlessHidden", () => {
  it("throws what is no matter of access", () => {
    expect(() => unlessHidden(() => openSync("/etc/passwd/x", "r"))).toThrow("ENOTDIR");
    expect(unlessHidden(() => openSync("/absent", "r"))).toBeNull();
  });
});
