import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { CONTAINER_ID } from "../../../test/support/fake-containers.ts";
import { LayerfsError } from "../../core/errors.ts";

const engine = {
  removeContainer: async (container: string) => {
    if (container !== "nosuch") return CONTAINER_ID;
    throw new LayerfsError("NOT_FOUND", `No such container: ${container}`);
  },
};

describe("layerfs rm", () => {
  it("prints what it was given of each container that it removes, and goes on after a failure", async () => {
    const { status, stdout, stderr } = await runCommand(["rm", "web", "nosuch", "c0ff"], { engine });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "web\nc0ff\n" });
    expect(stderr).toContain("No such container: nosuch");
  });

  it("forgives with -f what is not there", async () => {
    const { status, stdout, stderr } = await runCommand(["rm", "-f", "nosuch", "web"], { engine });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "web\n" });
    expect(stderr).toContain("No such container: nosuch");
  });

  it("removes volumes where -v says so", async () => {
    expect((await runCommand(["rm", "web"])).calls[0]).toEqual(["removeContainer", "web", { volumes: false }]);
    expect((await runCommand(["rm", "-v", "web"])).calls[0]).toEqual(["removeContainer", "web", { volumes: true }]);
  });
});
