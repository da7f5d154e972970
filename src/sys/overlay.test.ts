import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { EINVAL } from "./errno.ts";
import { O_DIRECTORY, O_PATH } from "./flags.ts";
import { MAX_LOWERS, makeOverlay } from "./overlay.ts";

function openedDirectories(...names: string[]): { directory: string; fds: number[] } {
  const directory = scratchDirectory();
  const fds = names.map((name) => {
    mkdirSync(join(directory, name));
    return openSync(join(directory, name), O_PATH | O_DIRECTORY);
  });
  onTestFinished(() => fds.forEach(closeSync));
  return { directory, fds };
}

function made(result: ReturnType<typeof makeOverlay>): number {
  if (typeof result !== "number") throw new Error(`errno ${result.errno}: ${result.message}`);
  onTestFinished(() => closeSync(result));
  return result;
}

describe("makeOverlay", () => {
  requires(overlay());

  it("joins directories whose names would need escapes, writable and attached nowhere", () => {
    const { directory, fds } = openedDirectories("a:b,c\\d", "l2", "upper", "work");
    writeFileSync(join(directory, "a:b,c\\d/one"), "1");
    writeFileSync(join(directory, "l2/two"), "2");
    const [lower1 = -1, lower2 = -1, upper = -1, work = -1] = fds;
    const fd = made(makeOverlay({ lowers: [lower1, lower2], upper: { directory: upper, work } }, ["index=off"]));
    expect(readdirSync(`/proc/self/fd/${fd}`).sort()).toEqual(["one", "two"]);
    writeFileSync(`/proc/self/fd/${fd}/three`, "3");
    expect(readFileSync(join(directory, "upper/three"), "utf8")).toBe("3");
  });

  it("gives the kernel's words for a wrong option", () => {
    const { fds } = openedDirectories("l1", "l2");
    expect(makeOverlay({ lowers: fds }, ["bogus"])).toEqual({
      errno: EINVAL,
      message: "overlay: Unknown parameter 'bogus'",
    });
  });

  it(`joins ${MAX_LOWERS} lowers, and not one more`, () => {
    const { directory, fds } = openedDirectories(...Array.from({ length: MAX_LOWERS + 1 }, (_, i) => `l${i}`));
    writeFileSync(join(directory, `l${MAX_LOWERS - 1}/bottom`), "");
    const fd = made(makeOverlay({ lowers: fds.slice(0, MAX_LOWERS) }, []));
    expect(readdirSync(`/proc/self/fd/${fd}`)).toEqual(["bottom"]);
    expect(makeOverlay({ lowers: fds }, [])).toMatchObject({ message: expect.stringContaining("limit is 500") });
  });
});
