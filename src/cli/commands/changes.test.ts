import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs changes", () => {
  it("prints a line a path in the form of docker diff", async () => {
    const { status, stdout, calls } = await runCommand(["changes", "old", "new"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "C /etc\nA /etc/a\\x0ab\\xff\n" });
    expect(calls[0]).toEqual(["changes", "old", "new"]);
  });

  it("keeps every byte of a path in JSON", async () => {
    const { stdout } = await runCommand(["changes", "old", "new", "--format", "json"]);
    const path = { base64: Buffer.from("/etc/a\nb\xff", "latin1").toString("base64") };
    expect(JSON.parse(stdout)).toEqual([
      { kind: "C", path: "/etc" },
      { kind: "A", path },
    ]);
  });
});
