import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { digestOf } from "../../core/digest.ts";

describe("layerfs apply", () => {
  it("gives the engine the bytes of stdin and prints the diffID", async () => {
    const received: Uint8Array[] = [];
    const { status, stdout } = await runCommand(["apply", "rootfs"], {
      stdin: Readable.from([Buffer.from("layer "), Buffer.from([0xff])]),
      engine: {
        async apply(_directory, tar) {
          for await (const chunk of tar) received.push(chunk);
          return { diffID: digestOf("x"), size: 3, warnings: [] };
        },
      },
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${digestOf("x")}\n` });
    expect(Buffer.concat(received)).toEqual(Buffer.from("layer \xff", "latin1"));
  });

  it("refuses to wait for a tar that is typed", async () => {
    const { status, stderr, opened } = await runCommand(["apply", "rootfs"], { terminals: ["stdin"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain("stdin is a terminal");
  });
});
