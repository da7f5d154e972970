import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type DockerArchiveImage, parseDockerManifestJson } from "./docker-manifest-json.ts";
import { parseReference } from "./reference.ts";

const VALID = { Config: "c.json", RepoTags: ["x:1"], Layers: ["a/layer.tar", "b/layer.tar"] };

function parse(value: unknown): DockerArchiveImage[] {
  return parseDockerManifestJson(Buffer.from(JSON.stringify(value)));
}

describe("parseDockerManifestJson", () => {
  it("reads images with their names and layers", () => {
    expect(parse([VALID, { ...VALID, RepoTags: null }])).toMatchObject([
      { config: "c.json", repoTags: [parseReference("x:1")], layers: VALID.Layers },
      { repoTags: [] },
    ]);
  });

  it("reads an archive of no images", () => {
    expect(parse([])).toEqual([]);
  });

  it("reads an image without layers, whose list Go writes as null", () => {
    expect(parse([{ ...VALID, Layers: null }])[0]!.layers).toEqual([]);
  });

  it("reads the parent and the layers' sources", () => {
    const source = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf("a"), size: 1 };
    const [image] = parse([{ ...VALID, Parent: digestOf("p"), LayerSources: { [digestOf("a")]: source } }]);
    expect(image).toMatchObject({ parent: digestOf("p"), layerSources: new Map([[digestOf("a"), source]]) });
  });

  it.each([
    ["no list", VALID],
    ["no config", [{ ...VALID, Config: undefined }]],
    ["an empty config path", [{ ...VALID, Config: "" }]],
    ["layers that are no paths", [{ ...VALID, Layers: [1] }]],
    ["a name without tag", [{ ...VALID, RepoTags: ["x"] }]],
    ["a name that is none", [{ ...VALID, RepoTags: ["X:1"] }]],
    ["a parent that is no id", [{ ...VALID, Parent: "abc" }]],
    ["a source of no digest", [{ ...VALID, LayerSources: { x: {} } }]],
    ["null", null],
  ])("refuses %s", (_, value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: "INVALID_ARCHIVE" }));
  });
});
