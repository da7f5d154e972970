import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestHex, digestOf } from "../core/digest.ts";
import { readRegistryBlobs } from "./distribution.ts";
import { type ImageLayout, imageLayout } from "./layout.ts";

const diffID = digestOf("layer");

function layoutWith(text: string): ImageLayout {
  const layout = imageLayout(scratchDirectory(), "overlay2");
  const directory = join(layout.distribution, "v2metadata-by-diffid/sha256");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, digestHex(diffID)), text);
  return layout;
}

describe("readRegistryBlobs", () => {
  it("reads what dockerd notes of a layer", () => {
    const digest = digestOf("gzipped");
    const layout = layoutWith(
      JSON.stringify([{ Digest: digest, SourceRepository: "docker.io/library/nginx", HMAC: "" }]),
    );
    expect(readRegistryBlobs(layout, diffID)).toEqual([{ digest, repository: "docker.io/library/nginx" }]);
  });

  it("finds nothing for a layer that was never pulled", () => {
    expect(readRegistryBlobs(layoutWith("[]"), digestOf("other"))).toEqual([]);
  });

  it.each(["{", '[{"Digest":"x"}]', "{}"])("names the record that is damaged: %s", (text) => {
    expect(() => readRegistryBlobs(layoutWith(text), diffID)).toThrow(
      expect.objectContaining({ code: "CORRUPT_STORE", message: expect.stringContaining("v2metadata-by-diffid") }),
    );
  });
});
