import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packageVersion } from "./version.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "layerfs-cli-"));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

describe("the program", () => {
  it("prints its version and keeps its compiled code in the user's cache", () => {
    const { status, stdout, stderr } = main(["version"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^layerfs version ${packageVersion()}\n`));
    expect(existsSync(join(home, ".cache", "layerfs", "compile-cache"))).toBe(true);
  });

  it("does not load the native calls for what needs no store", () => {
    const { status, stderr } = main(["version"], ["--experimental-loader", refuseKoffi]);
    expect(stderr).not.toContain("koffi was loaded");
    expect(status).toBe(0);
  });

  it("ends with status 2 on a wrong command line", () => {
    expect(main(["lod"])).toMatchObject({ status: 2, stdout: "" });
  });
});

const refuseKoffi = `data:text/javascript,${encodeURIComponent(`
  export function resolve(specifier, context, next) {
    if (specifier === "koffi") throw new Error("koffi was loaded");
    return next(specifier, context);
  }
`)}`;

function main(argv: readonly string[], nodeOptions: readonly string[] = []): ReturnType<typeof spawnText> {
  return spawnText([...nodeOptions, join(import.meta.dirname, "main.ts"), ...argv]);
}

function spawnText(argv: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: process.env.PATH, HOME: home };
  return spawnSync(process.execPath, argv, { encoding: "utf8", env });
}
