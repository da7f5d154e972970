import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { SaveOptions } from "../../src/engine/outgoing/save.ts";
import { machineRoot } from "../support/filesystems.ts";
import { type Requirement, requires } from "../support/requires.ts";
import { filledEngine, NAMES } from "../support/saved-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { fixturePath, needsFixtures } from "./fixtures.ts";

needsFixtures();
requires(machineRoot(), jsonSchema());

/** What image-spec's own schemas say of the documents that layerfs writes. */
it.each<[string, SaveOptions]>([
  ["Docker's form", {}],
  ["Docker's form, packed", { compression: "gzip" }],
  ["an OCI layout, packed", { as: "oci", compression: "zstd" }],
])("%s has an index, manifests and a layout file after image-spec's schemas", async (_, options) => {
  const engine = await filledEngine();
  const directory = scratchDirectory();
  await engine.save(NAMES, { file: join(directory, "saved.tar") }, options);
  expect(spawnSync("tar", ["-xf", join(directory, "saved.tar"), "-C", directory]).status).toBe(0);
  const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
  const paths = manifests.map(({ digest }: { digest: string }) => `blobs/${digest.replace(":", "/")}`);
  expect(paths.length).toBeGreaterThan(0);
  expect(judge(directory, "image-index-schema.json", ["index.json"])).toBe("");
  expect(judge(directory, "image-layout-schema.json", ["oci-layout"])).toBe("");
  // Images without layers are Docker's; the schema demands one, the text of image-spec 1.1 only advises it.
  expect(judge(directory, "image-manifest-schema.json", paths).replaceAll("[] should be non-empty\n", "")).toBe("");
});

it("a document that breaks a schema is found", () => {
  expect(judge(fixturePath("schema-cases"), "image-manifest-schema.json", ["manifest-07-invalid.json"])).not.toBe("");
});

const JUDGE = `
import json, os, sys, warnings
warnings.simplefilter("ignore")
import jsonschema
schemas, name, *documents = sys.argv[1:]
load = lambda uri: json.load(open(os.path.join(schemas, os.path.basename(uri))))
schema = load(name)
resolver = jsonschema.RefResolver(schema["id"], schema, handlers={"https": load})
for document in documents:
    for error in jsonschema.Draft4Validator(schema, resolver=resolver).iter_errors(json.load(open(document))):
        print(error.message)
`;

/** A line for each thing that is wrong. */
function judge(directory: string, schema: string, documents: readonly string[]): string {
  const words = ["-c", JUDGE, fixturePath("schema"), schema, ...documents.map((path) => join(directory, path))];
  const { status, stdout, stderr } = spawnSync("python3", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function jsonSchema(): Requirement {
  const { status } = spawnSync("python3", ["-c", "import jsonschema"]);
  return status === 0 ? null : "python3 has no jsonschema on this machine";
}
