import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs commit", () => {
  it("prints the id of the new image, as Docker does", async () => {
    const { status, stdout, calls } = await runCommand(["commit", "web"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${IMAGE_ID}\n` });
    expect(calls[0]).toMatchObject(["commit", "web", { reference: undefined, changes: [] }]);
  });

  it("hands on name, author, message and changes", async () => {
    const words = ["commit", "-a", "me", "-m", "why", "-c", "CMD a", "--change", "ENV b=c", "web", "site:2"];
    const { calls } = await runCommand(words);
    expect(calls[0]).toMatchObject([
      "commit",
      "web",
      { reference: "site:2", author: "me", message: "why", changes: ["CMD a", "ENV b=c"] },
    ]);
  });

  it.each([["-p"], ["--pause=true"], ["--pause=false"]])("takes Docker's %s", async (word) => {
    const { status, calls } = await runCommand(["commit", word, "web"]);
    expect(status).toBe(0);
    expect(calls[0]?.[1]).toBe("web");
  });
});
