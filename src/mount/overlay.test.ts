import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { OverlayStep } from "../driver/plan.ts";
import { MNT_DETACH } from "../sys/flags.ts";
import { tryUnmount } from "../sys/mount.ts";
import { readMountInfo } from "../sys/mountinfo.ts";
import { escapeOverlayPath, mountOverlay, type OverlayMethod } from "./overlay.ts";

const METHODS: readonly OverlayMethod[] = ["descriptors", "paths", "descriptor-paths"];

/** Lowers with a file each, named after them; those of long names have 100 characters. */
function lowers(count: number, name: (index: number) => string = (index) => `l${index}`): string[] {
  const directory = scratchDirectory();
  return Array.from({ length: count }, (_, index) => {
    const lower = join(directory, name(index));
    mkdirSync(lower);
    writeFileSync(join(lower, `file${index}`), "");
    return lower;
  });
}

function step(layers: readonly string[], more: Partial<OverlayStep> = {}): OverlayStep {
  const target = scratchDirectory();
  onTestFinished(() => void tryUnmount(target, MNT_DETACH));
  return { kind: "overlay", target, lowers: layers, options: ["index=off"], ...more };
}

function isMounted(target: string): boolean {
  return readMountInfo().some((mount) => mount.mountPoint === target);
}

const longName = (index: number) => `${index}`.padStart(100, "0");

describe("escapeOverlayPath", () => {
  it.each([
    ["/plain/path", "/plain/path"],
    ["/a:b,c\\d", "/a\\:b\\,c\\\\d"],
  ])("turns %s into %s", (path, escaped) => {
    expect(escapeOverlayPath(path)).toBe(escaped);
  });
});

describe.each(METHODS)("an overlay mounted by %s", (method) => {
  requires(overlay());

  it("is the union, read-only without an upper directory", () => {
    const planned = step(lowers(3));
    mountOverlay(planned, method);
    expect(readdirSync(planned.target).sort()).toEqual(["file0", "file1", "file2"]);
    expect(() => writeFileSync(join(planned.target, "x"), "")).toThrow("EROFS");
  });

  it("takes names with the characters that separate options", () => {
    const layers = lowers(2, (index) => `a:b,c\\d e${index}`);
    const [directory = "", work = ""] = lowers(2, (index) => `u:p,p\\er${index}`);
    const planned = step(layers, { upper: { directory, work } });
    mountOverlay(planned, method);
    writeFileSync(join(planned.target, "new"), "text");
    expect(readFileSync(join(directory, "new"), "utf8")).toBe("text");
    expect(readdirSync(planned.target).sort()).toEqual(["file0", "file1", "new"]);
  });

  it("names a lower directory that is missing", () => {
    const planned = step([...lowers(1), "/absent/lower"]);
    expect(() => mountOverlay(planned, method)).toThrow("/absent/lower: ENOENT");
    expect(isMounted(planned.target)).toBe(false);
  });

  it("says why the kernel refuses an option", () => {
    const planned = step(lowers(2), { options: ["bogus=1"] });
    expect(() => mountOverlay(planned, method)).toThrow(
      expect.objectContaining({
        code: "MOUNT_FAILED",
        errno: "EINVAL",
        message: expect.stringContaining(planned.target),
      }),
    );
    expect(isMounted(planned.target)).toBe(false);
  });
});

describe("many layers", () => {
  requires(overlay());

  it.each([
    ["descriptors", 500],
    ["paths", 30],
    ["descriptor-paths", 200],
  ] as const)("are mounted by %s, %i of them, with long names", (method, count) => {
    const planned = step(lowers(count, longName));
    mountOverlay(planned, method);
    expect(readdirSync(planned.target).length).toBe(count);
  });

  it.each([
    ["paths", 60],
    ["descriptor-paths", 300],
  ] as const)("are refused, never cut, when the page of options for %s is full", (method, count) => {
    const planned = step(lowers(count, longName));
    expect(() => mountOverlay(planned, method)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    expect(isMounted(planned.target)).toBe(false);
  });

  it("past 500 are refused", () => {
    expect(() => mountOverlay(step(lowers(501)))).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("at most 500") }),
    );
  });

  it("need no method to be named", () => {
    const planned = step(lowers(300, longName));
    mountOverlay(planned);
    expect(readdirSync(planned.target).length).toBe(300);
  });
});

describe("the kernel's own words", () => {
  requires(overlay());

  it("are in the message", () => {
    expect(() => mountOverlay(step(lowers(2), { options: ["bogus=1"] }), "descriptors")).toThrow(
      "EINVAL, overlay: Unknown parameter 'bogus'",
    );
  });
});
