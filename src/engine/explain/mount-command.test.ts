import { describe, expect, it } from "vitest";
import type { MountStep } from "../../driver/plan.ts";
import { mountCommand, shortMountCommand } from "./mount-command.ts";

const overlay: MountStep = {
  kind: "overlay",
  target: "/t",
  lowers: ["/h/b/diff", "/h/a/diff"],
  options: ["index=off"],
};

describe("mountCommand", () => {
  it.each<[string, MountStep, string]>([
    ["a read-only overlay", overlay, "mount -t overlay overlay -o ro,lowerdir=/h/b/diff:/h/a/diff,index=off /t"],
    [
      "an overlay that takes changes",
      { ...overlay, upper: { directory: "/u", work: "/w" } },
      "mount -t overlay overlay -o lowerdir=/h/b/diff:/h/a/diff,upperdir=/u,workdir=/w,index=off /t",
    ],
    ["a bind mount", { kind: "bind", source: "/s", target: "/t", readOnly: true }, "mount --bind -o ro /s /t"],
    [
      "a path with a quote",
      { kind: "bind", source: "/it's", target: "/t", readOnly: false },
      "mount --bind '/it'\\''s' /t",
    ],
    [
      "a path with a colon",
      { ...overlay, lowers: ["/a:b", "/c"], options: [] },
      "mount -t overlay overlay -o 'ro,lowerdir=/a\\:b:/c' /t",
    ],
  ])("writes %s", (_, step, expected) => {
    expect(mountCommand(step)).toBe(expected);
  });
});

describe("shortMountCommand", () => {
  it("mounts from the driver's directory by short names", () => {
    const short = new Map([
      ["/h/a/diff", "l/A"],
      ["/h/b/diff", "l/B"],
    ]);
    expect(shortMountCommand(overlay, "/h", short)).toBe(
      "cd /h && mount -t overlay overlay -o ro,lowerdir=l/B:l/A,index=off /t",
    );
  });

  it("is not there for a bind mount, or where a directory has no short name", () => {
    expect(shortMountCommand({ kind: "bind", source: "/s", target: "/t", readOnly: true }, "/h", new Map())).toBeNull();
    expect(shortMountCommand(overlay, "/h", new Map([["/h/a/diff", "l/A"]]))).toBeNull();
  });
});
