import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { native } from "./native.ts";

describe("native", () => {
  it("tells the error number of a failed call", () => {
    expect(native().close(-1)).toBe(-1);
    expect(native().errno()).toBe(9);
  });

  it("has its functions bound once", () => {
    expect(native()).toBe(native());
  });

  it("loads koffi only at the first call", () => {
    const script = `
      const { native } = await import(${JSON.stringify(new URL("./native.ts", import.meta.url).href)});
      const loaded = () => process.report.getReport().sharedObjects.some((path) => path.includes("koffi"));
      const before = loaded();
      native();
      console.log(before, loaded());
    `;
    const result = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(result.stdout.trim()).toBe("false true");
  });
});
