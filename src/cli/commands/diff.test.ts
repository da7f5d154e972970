import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs diff", () => {
  it("prints a line a path in the form of docker diff", async () => {
    const { status, stdout, calls } = await runCommand(["diff", "web"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "A /etc/a\\x0ab\\xff\n" });
    expect(calls[0]).toEqual(["diff", "web"]);
  });

  it("prints nothing where nothing was changed", async () => {
    const { status, stdout } = await runCommand(["diff", "web"], { engine: { diff: async () => [] } });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});
