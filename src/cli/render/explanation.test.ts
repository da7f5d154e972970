import { describe, expect, it } from "vitest";
import { EXPLANATION, NOW } from "../../../test/support/command-line.ts";
import { renderExplanation } from "./explanation.ts";

const view = { fullInstructions: false, now: NOW };
const [lowest, topmost] = EXPLANATION.layers;

describe("renderExplanation", () => {
  it("draws the stack with the topmost layer first and the mount command last", () => {
    expect(renderExplanation(EXPLANATION, view)).toBe(
      [
        "nginx:latest",
        EXPLANATION.id,
        "linux/amd64, created 2 weeks ago, 2 layers, 2.48MB, driver overlay2",
        "",
        "┌ 2  COPY topmost / # buildkit",
        `│      diffID       ${topmost!.diffID}`,
        `│      chainID      ${topmost!.chainID}`,
        "│      directory    /root/overlay2/topmost/diff",
        "│      size         1.24MB",
        "└ 1  COPY lowest / # buildkit",
        `       diffID       ${lowest!.diffID}`,
        `       chainID      ${lowest!.chainID}`,
        "       directory    /root/overlay2/lowest/diff",
        "       size         1.24MB",
        "       shared with  redis:7",
        "",
        "Joined by",
        "mount -t overlay overlay -o lowerdir=a:b /mnt",
        "",
      ].join("\n"),
    );
  });

  it("shows an image without names and layers", () => {
    const text = renderExplanation({ ...EXPLANATION, names: [], layers: [] }, view);
    expect(text).toContain("<none>\n");
    expect(text).toContain("0 layers, 0B");
  });

  it("keeps an instruction on one line and shortens it unless told otherwise", () => {
    const createdBy = `RUN <<EOF\n\t${"x".repeat(200)}\x1b[31m`;
    const explanation = { ...EXPLANATION, layers: [{ ...lowest!, createdBy }] };
    expect(renderExplanation(explanation, view)).toMatch(/^─ 1 {2}RUN <<EOF x{89}…$/m);
    expect(renderExplanation(explanation, { ...view, fullInstructions: true })).toMatch(/x{200}\\x1b\[31m$/m);
  });

  it("says so where the history does not tell the instruction", () => {
    const explanation = { ...EXPLANATION, layers: [{ ...lowest!, createdBy: null }] };
    expect(renderExplanation(explanation, view)).toContain("(no instruction recorded)");
  });
});
