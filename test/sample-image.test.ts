import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sampleImage } from "../scripts/sample/image.ts";
import { requires, root } from "./support/requires.ts";
import { checkout } from "./support/tree.ts";

const committed = join(checkout, "sample/layerfs-sample.tar");

describe("the sample image", () => {
  it("is what scripts/make-sample-image.ts makes", () => {
    const same = sampleImage().equals(readFileSync(committed));
    expect(same, "run `npm run sample` and commit sample/layerfs-sample.tar").toBe(true);
  });

  it("is smaller than 1 MB", () => {
    expect(readFileSync(committed).length).toBeLessThan(1_000_000);
  });
});

describe("its programs", () => {
  const machine = process.arch === "x64" ? null : "its programs are for x86-64 alone";
  const missing = requires(root(), machine);
  let directory = "";

  beforeAll(() => {
    if (missing !== null) return;
    directory = mkdtempSync(join(tmpdir(), "layerfs-sample-"));
    unpack(directory);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([
    [["/usr/bin/hello"], "Hello from the lowest layer.\n"],
    [["/bin/show"], "This is the top layer; it hides the file of the lowest one.\n"],
    [["/bin/type", "/etc/hostname"], "sample\n"],
  ])("run in its root filesystem: %j", (words, output) => {
    const result = spawnSync("chroot", [join(directory, "rootfs"), ...words], { encoding: "utf8" });
    expect(result).toMatchObject({ status: 0, stdout: output });
  });

  it("fail on a file that is not there", () => {
    expect(spawnSync("chroot", [join(directory, "rootfs"), "/bin/show", "/nothing"]).status).toBe(1);
  });
});

/** Unpacks the image by the system's tar, one layer over the other; enough for its programs, which no layer removes. */
function unpack(directory: string): void {
  mkdirSync(join(directory, "rootfs"));
  tar("--extract", "--file", committed, "--directory", directory);
  const [manifest] = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
  for (const layer of manifest.Layers.slice(0, 2)) {
    tar("--extract", "--file", join(directory, layer), "--directory", join(directory, "rootfs"));
  }
  const motd = spawnSync("tar", [
    "--extract",
    "--to-stdout",
    "--file",
    join(directory, manifest.Layers[2]),
    "etc/motd",
  ]);
  writeFileSync(join(directory, "rootfs/etc/motd"), motd.stdout);
}

function tar(...words: readonly string[]): void {
  const result = spawnSync("tar", words, { encoding: "utf8" });
  expect(result.stderr).toBe("");
  expect(result.status).toBe(0);
}
