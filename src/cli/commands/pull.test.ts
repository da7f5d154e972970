import { describe, expect, it } from "vitest";
import { IMAGE_ID, OTHER_ID, runCommand } from "../../../test/support/command-line.ts";
import { digestOf } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";

const manifest = digestOf("manifest");
const blob = digestOf("blob");
const other = digestOf("other blob");

function pulling(isNew: boolean): Engine["pull"] {
  return async (reference, options) => {
    options?.onProgress?.({ type: "pull-start", tagOrDigest: "1", repository: "lab/nginx" });
    options?.onProgress?.({ type: "layer-exists", layer: OTHER_ID, blob: other });
    options?.onProgress?.({ type: "layer-start", layer: IMAGE_ID, blob, total: 100 });
    options?.onProgress?.({ type: "download-progress", layer: IMAGE_ID, bytes: 60, origin: "network" });
    await new Promise((resolve) => setTimeout(resolve, 120));
    options?.onProgress?.({ type: "layer-done", layer: IMAGE_ID, blob, warnings: [] });
    options?.onProgress?.({ type: "pull-done", tagOrDigest: "1", digest: manifest });
    const images = [{ id: IMAGE_ID, name: reference, digest: manifest, isNew }];
    return { name: reference, reference, images };
  };
}

describe("layerfs pull", () => {
  it("says in Docker's words what it does", async () => {
    const { status, stdout } = await runCommand(["pull", "r.example/lab/nginx:1"], { engine: { pull: pulling(true) } });
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        "1: Pulling from lab/nginx",
        `${other.slice(7, 19)}: Already exists`,
        `${blob.slice(7, 19)}: Pull complete`,
        `Digest: ${manifest}`,
        "Status: Downloaded newer image for r.example/lab/nginx:1",
        "r.example/lab/nginx:1",
        "",
      ].join("\n"),
    );
  });

  it("says where there is nothing new", async () => {
    const { stdout } = await runCommand(["pull", "r.example/lab/nginx:1"], { engine: { pull: pulling(false) } });
    expect(stdout).toContain("Status: Image is up to date for r.example/lab/nginx:1\n");
  });

  it.each([
    ["nginx", "Using default tag: latest\n"],
    ["r.example:5000/nginx", "Using default tag: latest\n"],
    ["nginx:1", ""],
    [`nginx@${manifest}`, ""],
  ])("tells which tag it takes for %s", async (reference, expected) => {
    const { stdout } = await runCommand(["pull", reference]);
    expect(stdout.startsWith("Using")).toBe(expected !== "");
    expect(stdout.startsWith(expected)).toBe(true);
  });

  it("prints the name in full alone where it shall be quiet", async () => {
    const { stdout } = await runCommand(["pull", "-q", "nginx"], { engine: { pull: pulling(true) } });
    expect(stdout).toBe("nginx\n");
    const { stdout: inFull } = await runCommand(["pull", "--quiet", "nginx:1"]);
    expect(inFull).toBe("docker.io/library/nginx:1\n");
  });

  it("prints the result alone as JSON", async () => {
    const { stdout } = await runCommand(["pull", "--format", "json", "nginx"], { engine: { pull: pulling(true) } });
    expect(JSON.parse(stdout)).toMatchObject({ reference: "nginx", images: [{ id: IMAGE_ID, isNew: true }] });
  });

  it("passes on the platform and the wish for all tags", async () => {
    const words = ["pull", "-a", "--platform", "linux/arm64", "--disable-content-trust", "nginx"];
    const { calls, stdout } = await runCommand(words);
    expect(calls[0]).toMatchObject(["pull", "nginx", { platform: "linux/arm64", allTags: true }]);
    expect(stdout).not.toContain("Using default tag");
  });

  it("takes dockerd's options for registries before and after the verb", async () => {
    const before = ["--insecure-registry", "a.example", "--registry-mirror", "https://m.example"];
    const after = ["--insecure-registry=10.0.0.0/8", "--max-concurrent-downloads", "1"];
    const { opened } = await runCommand([...before, "pull", ...after, "nginx"]);
    expect(opened[0]).toMatchObject({
      registries: { insecureRegistries: ["a.example", "10.0.0.0/8"], mirrors: ["https://m.example"] },
      maxConcurrentDownloads: 1,
    });
  });

  it("refuses a number of downloads that is none", async () => {
    const { status, stderr } = await runCommand(["pull", "--max-concurrent-downloads", "0", "nginx"]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'layerfs: --max-concurrent-downloads: expected a number from 1 to 99, found "0"\n',
    });
  });

  it("draws what comes, and takes it away before it writes to stdout", async () => {
    const { stderr, stdout } = await runCommand(["pull", "r.example/lab/nginx:1"], {
      engine: { pull: pulling(true) },
      terminals: ["stdout", "stderr"],
    });
    expect(stderr).toMatch(/Downloading \[=+> +\] 60B\/100B/);
    expect(stderr).toMatch(/in all +Downloading /);
    expect(stderr.endsWith("\x1b[J")).toBe(true);
    expect(stdout).not.toContain("\x1b");
  });

  it("tells of a registry that asks to wait, and of one that fails for now", async () => {
    const facts = { registry: "docker.io", reason: "429 Too Many Requests", attempt: 1, attempts: 6 };
    const pull: Engine["pull"] = async (reference, options) => {
      options?.onProgress?.({ type: "retry", ...facts, wait: 2500, asked: true });
      options?.onProgress?.({ type: "retry", ...facts, reason: "connection reset", wait: 500, asked: false });
      return { name: reference, reference, images: [] };
    };
    const { stderr } = await runCommand(["pull", "nginx"], { engine: { pull } });
    expect(stderr).toBe(
      [
        "layerfs: warning: registry docker.io asks to wait 3 s: 429 Too Many Requests",
        "layerfs: warning: registry docker.io: connection reset; trying again in 1 s",
        "",
      ].join("\n"),
    );
  });

  it("fails with the engine's message and status 1", async () => {
    const pull: Engine["pull"] = async () => {
      throw new LayerfsError("NOT_FOUND", "registry r.example: no tag 2 in lab/nginx");
    };
    const { status, stderr } = await runCommand(["pull", "r.example/lab/nginx:2"], { engine: { pull } });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "layerfs: registry r.example: no tag 2 in lab/nginx\n" });
  });
});
