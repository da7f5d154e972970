import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { MountStep } from "../driver/plan.ts";
import { readMountInfo } from "../sys/mountinfo.ts";
import { mountDetached, openTree } from "./detached.ts";

requires(overlay());

function directories(...names: readonly string[]): string[] {
  const place = scratchDirectory();
  return names.map((name) => {
    mkdirSync(join(place, name));
    return join(place, name);
  });
}

describe("a tree that is mounted where nobody sees it", () => {
  it.each(["overlay", "bind"] as const)(
    "by %s is written and read through its path, and in no list of mounts",
    async (kind) => {
      const [lower, upper, work] = directories("lower", "upper", "work") as [string, string, string];
      writeFileSync(join(lower, "below"), "lower");
      const before = readMountInfo().length;
      const plan = (target: string): MountStep[] =>
        kind === "bind"
          ? [{ kind, source: lower, target, readOnly: false }]
          : [{ kind, target, lowers: [lower], upper: { directory: upper, work }, options: [] }];
      using tree = await mountDetached(plan);
      expect(readMountInfo()).toHaveLength(before);
      writeFileSync(join(tree.path, "above"), "new");
      expect(readFileSync(join(tree.path, "below"), "utf8")).toBe("lower");
      expect(readdirSync(tree.path)).toEqual(["above", "below"]);
      expect(readFileSync(join(kind === "bind" ? lower : upper, "above"), "utf8")).toBe("new");
    },
  );

  it("is not made where a lower is missing, and leaves nothing", async () => {
    const [upper, work] = directories("upper", "work") as [string, string];
    const before = readMountInfo().length;
    const steps = (target: string): MountStep[] => [
      { kind: "overlay", target, lowers: ["/nonexistent"], upper: { directory: upper, work }, options: [] },
    ];
    await expect(mountDetached(steps)).rejects.toMatchObject({ errno: "ENOENT" });
    expect(readMountInfo()).toHaveLength(before);
  });
});

it("a directory is opened in the same form, and is gone with its scope", () => {
  const [directory] = directories("plain") as [string];
  let path = "";
  {
    using tree = openTree(directory);
    path = tree.path;
    writeFileSync(join(path, "file"), "");
  }
  expect(readdirSync(directory)).toEqual(["file"]);
  expect(() => readdirSync(path)).toThrow("ENOENT");
});
