import { describe, expect, it } from "vitest";
import type { PathStepSummary } from "../../engine/explain/explanation.ts";
import { renderEffect } from "./path-explanation.ts";

const node = { kind: "file", mode: 0o4755, size: 1200, linkTarget: null } as const;
const by = Buffer.from("/d\n");

describe("renderEffect", () => {
  it.each<[PathStepSummary, string]>([
    [{ effect: "untouched", by: null, node }, "untouched"],
    [{ effect: "put", by: null, node }, "put: file 4755 1.2kB"],
    [{ effect: "changed", by: null, node: { ...node, kind: "directory" } }, "changed: directory 4755"],
    [
      { effect: "replaced", by: null, node: { ...node, kind: "symlink", linkTarget: Buffer.from("a\x1b") } },
      "replaced: symlink to a\\x1b",
    ],
    [{ effect: "deleted", by, node: null }, "deleted by the whiteout of /d\\x0a"],
    [{ effect: "hidden", by, node: null }, "hidden by the opaque directory /d\\x0a"],
    [{ effect: "displaced", by, node: null }, "displaced by /d\\x0a"],
  ])("writes %j as %s", (step, expected) => {
    expect(renderEffect(step)).toBe(expected);
  });
});
