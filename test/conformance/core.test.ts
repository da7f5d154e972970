import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { chainIDs } from "../../src/core/chain-id.ts";
import { parseConfig } from "../../src/core/config.ts";
import { readDescriptor } from "../../src/core/descriptor.ts";
import { digestFromHex, digestHex, digestOf } from "../../src/core/digest.ts";
import { isLayerfsError } from "../../src/core/errors.ts";
import { parseIndex } from "../../src/core/image-index.ts";
import { parseJson } from "../../src/core/json.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import {
  canonicalName,
  canonicalString,
  familiarString,
  parseImageName,
  parseReference,
  withDefaultTag,
} from "../../src/core/reference.ts";
import { openOciLayout } from "../../src/source/oci-layout.ts";
import { fixtureNames, fixturePath, needsFixtures, readFixture } from "./fixtures.ts";

needsFixtures();

/** What the distribution project's library says of a word (references/refs.jsonl). */
interface ReferenceRow {
  readonly input: string;
  readonly normalizedError?: string;
  readonly anyError?: string;
  readonly any?: string;
  readonly domain?: string;
  readonly path?: string;
  readonly name?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly string?: string;
  readonly familiar?: string;
  readonly withDefaultTag?: string;
}

describe("references", () => {
  const isThere = fixtureNames("references").includes("refs.jsonl");
  const lines = isThere ? readFixture("references", "refs.jsonl").toString().trimEnd().split("\n") : ["{}"];
  const rows = lines.map((line) => JSON.parse(line) as ReferenceRow);

  it.each(rows)("reads $input as Docker's own library does", (row) => {
    expect(outcome(() => describeReference(row.input))).toEqual(expectedReference(row));
  });

  it.each(rows)("reads $input as a name or an id as Docker's own library does", (row) => {
    expect(outcome(() => describeImageName(row.input))).toBe(row.anyError === undefined ? row.any : "refused");
  });
});

describe("schema cases", () => {
  const differing: ReadonlyMap<string, string> = new Map([
    ["config-09-invalid.json", "an Env entry without '=' is refused by image-spec's Go code only; dockerd loads it"],
    [
      "manifest-05-invalid.json",
      "image-spec 1.1 says SHOULD of a first layer, and Docker builds images without layers",
    ],
    ["descriptor-23-valid.json", "a digest of an unregistered algorithm could not be verified"],
    ["descriptor-24-valid.json", "a digest of an unregistered algorithm could not be verified"],
    ["descriptor-27-valid.json", "a digest of an unregistered algorithm could not be verified"],
  ]);
  const names = fixtureNames("schema-cases").filter((name) => !name.startsWith("imagelayout-"));

  it.each(names)("judges %s as image-spec does", (name) => {
    const expected = name.endsWith("-valid.json") !== differing.has(name) ? "valid" : "refused";
    expect(outcome(() => parseSchemaCase(name))).toBe(expected);
  });
});

describe("schema cases of oci-layout", () => {
  const names = fixtureNames("schema-cases").filter((name) => /^imagelayout-|^\(none\)$/.test(name));

  it.each(names)("judges %s as image-spec does", async (name) => {
    const layout = join(await mkdtemp(join(tmpdir(), "layerfs-conformance-")), "layout");
    onTestFinished(() => rm(dirname(layout), { recursive: true }));
    await mkdir(layout);
    await writeFile(join(layout, "oci-layout"), readFixture("schema-cases", name));
    await writeFile(join(layout, "index.json"), '{"schemaVersion":2,"manifests":[]}');
    const expected = name.endsWith("-valid.json") ? /names no image/ : /oci-layout: it is not JSON/;
    await expect(openOciLayout(layout)).rejects.toThrow(expected);
  });
});

describe("manifests", () => {
  const refused: ReadonlyMap<string, string> = new Map([
    ["internal_image_fixtures_schema1-for-oci-config.json", "schema 1"],
    ["internal_image_fixtures_schema1-to-oci1.json", "its sizes are placeholders of -1"],
    ["internal_image_fixtures_schema1-to-schema2.json", "its sizes are placeholders of -1"],
    ["internal_manifest_testdata_non-json.manifest.json", "no JSON"],
    ["internal_manifest_testdata_unknown-version.manifest.json", "schema version 99999"],
  ]);

  it.each(fixtureNames("manifests"))("reads or refuses %s", (name) => {
    const bytes = readFixture("manifests", name);
    const parse = /config\.json$/.test(name) && !refused.has(name) ? parseConfig : manifestParser(bytes);
    const result = outcome(() => parse(bytes).digest);
    expect(result).toBe(refused.has(name) ? "refused" : digestOf(bytes));
  });
});

describe("a data root that dockerd wrote", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "layerfs-conformance-"));
    if (process.env.LAYERFS_FIXTURES === undefined) return;
    execFileSync("tar", ["-xzf", fixturePath("docker-store", "overlay2-image-db.tar.gz"), "-C", directory]);
  });
  afterAll(() => rm(directory, { recursive: true }));

  it("has every image under its config's digest and every layer under its chain ID", () => {
    const database = join(directory, "image", "overlay2");
    const content = join(database, "imagedb", "content", "sha256");
    const layers = join(database, "layerdb", "sha256");
    const ids = readdirSync(content);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) {
      const config = parseConfig(readFileSync(join(content, id)));
      expect(config.digest).toBe(digestFromHex(id));
      const chain = chainIDs(config.rootfs.diffIDs);
      for (const [index, chainID] of chain.entries()) {
        const record = join(layers, digestHex(chainID));
        expect(readFileSync(join(record, "diff"), "latin1")).toBe(config.rootfs.diffIDs[index]);
        if (index > 0) expect(readFileSync(join(record, "parent"), "latin1")).toBe(chain[index - 1]);
      }
    }
  });

  it("has repositories whose names are in canonical form", () => {
    const file = join(directory, "image", "overlay2", "repositories.json");
    const { Repositories } = JSON.parse(readFileSync(file, "utf8")) as RepositoriesFile;
    const references = Object.values(Repositories).flatMap((repository) => Object.keys(repository));
    expect(references.length).toBeGreaterThan(0);
    for (const text of references) expect(familiarString(parseReference(text))).toBe(text);
  });
});

interface RepositoriesFile {
  readonly Repositories: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What the call gives, or "refused" if it fails as it should: with a LayerfsError. */
function outcome<T>(call: () => T): T | "refused" {
  try {
    return call();
  } catch (error) {
    if (isLayerfsError(error)) return "refused";
    throw error;
  }
}

function describeReference(input: string): Partial<ReferenceRow> {
  const ref = parseReference(input);
  return {
    domain: ref.domain,
    path: ref.path,
    name: canonicalName(ref),
    string: canonicalString(ref),
    familiar: familiarString(ref),
    withDefaultTag: canonicalString(withDefaultTag(ref)),
    ...(ref.tag !== undefined && { tag: ref.tag }),
    ...(ref.digest !== undefined && { digest: ref.digest }),
  };
}

function expectedReference(row: ReferenceRow): Partial<ReferenceRow> | "refused" {
  if (row.normalizedError !== undefined) return "refused";
  const { input: _input, any: _any, ...fields } = row;
  return fields;
}

function describeImageName(input: string): string | undefined {
  const name = parseImageName(input);
  return name.id ?? (name.reference && canonicalString(name.reference));
}

function parseSchemaCase(name: string): "valid" {
  const bytes = readFixture("schema-cases", name);
  if (name.startsWith("config-")) parseConfig(bytes);
  else if (name.startsWith("manifest-")) parseManifest(bytes);
  else if (name.startsWith("descriptor-")) {
    readDescriptor(parseJson(bytes, { title: "descriptor", code: "INVALID_MANIFEST" }));
  } else parseIndex(bytes);
  return "valid";
}

function manifestParser(bytes: Buffer): typeof parseManifest | typeof parseIndex {
  return bytes.includes('"manifests"') ? parseIndex : parseManifest;
}
