import { expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import type { Engine } from "../../engine/engine.ts";

it.each([
  [["registry.example"], "Removing login credentials for registry.example\n"],
  [[], "Removing login credentials for https://index.docker.io/v1/\n"],
])("says what was erased: logout %j", async (words, expected) => {
  const { status, stdout, stderr } = await runCommand(["logout", ...words]);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expected, stderr: "" });
});

it("succeeds where nothing is kept", async () => {
  const logout: Engine["logout"] = async () => ({ registry: "registry.example", removed: false });
  const { status, stdout } = await runCommand(["logout", "registry.example"], { engine: { logout } });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "Not logged in to registry.example\n" });
});
