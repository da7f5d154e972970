import { describe, expect, it } from "vitest";
import { IMAGE_ID, INSPECTION, runCommand } from "../../../test/support/command-line.ts";
import { CONTAINER_INSPECTION } from "../../../test/support/fake-containers.ts";
import { LayerfsError } from "../../core/errors.ts";

const noContainer = async (container: string): Promise<never> => {
  throw new LayerfsError("NOT_FOUND", `No such container: ${container}`);
};
const missing = {
  inspectContainer: noContainer,
  inspect: async (image: string) => {
    if (image === "nginx") return INSPECTION;
    throw new LayerfsError("NOT_FOUND", `No such image: ${image}:latest`);
  },
};

describe("layerfs inspect", () => {
  it("prints an array with Docker's indentation and order of fields", async () => {
    const { status, stdout } = await runCommand(["inspect", "nginx"], { engine: missing });
    expect(status).toBe(0);
    expect(stdout).toBe(`${JSON.stringify([INSPECTION], null, 4)}\n`);
  });

  it.each(["-f", "--format"])("prints a line an image from the template of %s", async (option) => {
    const { stdout } = await runCommand(["inspect", option, "{{.Id}} {{.Config.Labels.role}}", "nginx", "nginx"], {
      engine: missing,
    });
    expect(stdout).toBe(`${IMAGE_ID} web\n`.repeat(2));
  });

  it("prints what it finds, then Docker's words for what it does not", async () => {
    const { status, stdout, stderr } = await runCommand(["inspect", "nosuch", "nginx"], { engine: missing });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([INSPECTION]);
    expect(stderr).toContain("No such object: nosuch\n");
  });

  it("says of a source what is wrong with it", async () => {
    const engine = {
      inspect: async () => {
        throw new LayerfsError("NOT_FOUND", "archive a.tar: there is no such file");
      },
    };
    const { stderr } = await runCommand(["inspect", "docker-archive:a.tar"], { engine });
    expect(stderr).toBe("layerfs: archive a.tar: there is no such file\n");
  });

  it("asks for the platform of --platform", async () => {
    const platforms: unknown[] = [];
    const engine = {
      inspect: async (_: string, { platform }: { platform?: string | undefined } = {}) => {
        platforms.push(platform);
        return INSPECTION;
      },
    };
    await runCommand(["inspect", "--platform", "linux/arm64", "oci:layout"], { engine });
    expect(platforms).toEqual(["linux/arm64"]);
  });

  it("prints an empty array where there is nothing", async () => {
    const { status, stdout } = await runCommand(["inspect", "nosuch"], { engine: missing });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "[]\n" });
  });

  it("shows the container where a container and an image have the name, and what --type says", async () => {
    const inspected = async (...argv: string[]): Promise<unknown> =>
      JSON.parse((await runCommand(["inspect", ...argv, "web"])).stdout);
    expect(await inspected()).toEqual([CONTAINER_INSPECTION]);
    expect(await inspected("--type", "container")).toEqual([CONTAINER_INSPECTION]);
    expect(await inspected("--type", "image")).toEqual([INSPECTION]);
  });

  it.each([
    ["container", "layerfs: No such container: nosuch\n"],
    ["image", "layerfs: No such image: nosuch:latest\n"],
  ])("says of a %s alone that there is none", async (type, expected) => {
    const { status, stderr } = await runCommand(["inspect", "--type", type, "nosuch"], { engine: missing });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expected });
  });
});
