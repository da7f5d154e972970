import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { Interruption } from "../interruption.ts";

describe("layerfs cat", () => {
  it.each([[[]], [["stdout"]]] as const)("prints the bytes as they are, terminals: %j", async (terminals) => {
    const bytes = Buffer.from([0, 0xff, 0x1b, 0x0a]);
    const engine = {
      readFile: async () =>
        (async function* () {
          yield bytes;
          yield bytes;
        })(),
    };
    const { status, stdoutBytes } = await runCommand(["cat", "nginx", "/bin/sh"], { engine, terminals });
    expect(status).toBe(0);
    expect(stdoutBytes).toEqual(Buffer.concat([bytes, bytes]));
  });

  it("stops between two chunks when it is interrupted, and lets go of the file", async () => {
    const controller = new AbortController();
    let closed = false;
    const engine = {
      readFile: async () =>
        (async function* () {
          try {
            yield Buffer.from("first");
            controller.abort(new Interruption("SIGTERM"));
            yield Buffer.from("second");
          } finally {
            closed = true;
          }
        })(),
    };
    const { status, stdout } = await runCommand(["cat", "a", "/b"], { engine, signal: controller.signal });
    expect({ status, stdout, closed }).toEqual({ status: 143, stdout: "first", closed: true });
  });

  it("hands on the platform that is wanted of a source", async () => {
    const { calls } = await runCommand(["cat", "--platform", "arm64", "oci:layout", "/a"]);
    expect(calls[0]).toMatchObject(["readFile", "oci:layout", "/a", { platform: "arm64" }]);
  });
});
