import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestHex, digestOf } from "../core/digest.ts";
import { noteRegistryBlob, readRegistryBlobs } from "./distribution.ts";
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

describe("noteRegistryBlob", () => {
  const digest = digestOf("gzipped");
  const note = (repository: string) => ({ digest, repository });

  it("writes both records with the modes and the form of dockerd's", () => {
    const layout = imageLayout(scratchDirectory(), "overlay2");
    noteRegistryBlob(layout, diffID, note("127.0.0.1:5000/lab/x"));
    const byDiffID = join(layout.distribution, "v2metadata-by-diffid/sha256", digestHex(diffID));
    const byDigest = join(layout.distribution, "diffid-by-digest/sha256", digestHex(digest));
    expect(readFileSync(byDiffID, "utf8")).toBe(
      `[{"Digest":"${digest}","SourceRepository":"127.0.0.1:5000/lab/x","HMAC":""}]`,
    );
    expect(readFileSync(byDigest, "utf8")).toBe(diffID);
    for (const path of [byDiffID, byDigest]) expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(statSync(layout.distribution).mode & 0o777).toBe(0o700);
    expect(readdirSync(layout.distribution)).toEqual(["diffid-by-digest", "v2metadata-by-diffid"]);
  });

  it("keeps the newest last and none twice", () => {
    const layout = imageLayout(scratchDirectory(), "overlay2");
    for (const name of ["a", "b", "a"]) noteRegistryBlob(layout, diffID, note(name));
    expect(readRegistryBlobs(layout, diffID)).toEqual([note("b"), note("a")]);
  });

  it("keeps what dockerd noted of the credentials", () => {
    const layout = layoutWith(JSON.stringify([{ Digest: digest, SourceRepository: "a", HMAC: "00ff" }]));
    noteRegistryBlob(layout, diffID, note("b"));
    noteRegistryBlob(layout, diffID, note("a"));
    const text = readFileSync(join(layout.distribution, "v2metadata-by-diffid/sha256", digestHex(diffID)), "utf8");
    expect(JSON.parse(text)).toEqual([
      { Digest: digest, SourceRepository: "b", HMAC: "" },
      { Digest: digest, SourceRepository: "a", HMAC: "00ff" },
    ]);
  });

  it("writes a damaged record anew", () => {
    const layout = layoutWith('[{"Digest":');
    noteRegistryBlob(layout, diffID, note("a"));
    expect(readRegistryBlobs(layout, diffID)).toEqual([note("a")]);
  });

  it("forgets the oldest where there are more than fifty", () => {
    const layout = imageLayout(scratchDirectory(), "overlay2");
    const all = Array.from({ length: 52 }, (_, index) => note(`r${index}`));
    for (const blob of all) noteRegistryBlob(layout, diffID, blob);
    expect(readRegistryBlobs(layout, diffID)).toEqual(all.slice(2));
  });
});
