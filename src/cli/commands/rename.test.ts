import { expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

it("layerfs rename hands on both names and prints nothing", async () => {
  const { status, stdout, calls } = await runCommand(["rename", "web", "old"]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(calls[0]).toEqual(["renameContainer", "web", "old"]);
});
