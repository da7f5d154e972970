import { describe, expect, it } from "vitest";
import { renderTable } from "./table.ts";

describe("renderTable", () => {
  it("pads columns to their widest cell and leaves no blanks at the ends of lines", () => {
    expect(
      renderTable(
        ["NAME", "SIZE"],
        [
          ["a", "1"],
          ["longer", ""],
        ],
      ),
    ).toBe("NAME     SIZE\na        1\nlonger\n");
  });

  it("has its headings also without rows", () => {
    expect(renderTable(["NAME", "SIZE"], [])).toBe("NAME   SIZE\n");
  });
});
