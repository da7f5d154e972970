import { describe, expect, it } from "vitest";
import { importsOf, packageHomes } from "./support/architecture.ts";
import { projectFiles, readText } from "./support/tree.ts";

interface PackageJson {
  readonly license: string;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Record<string, string>;
}

const manifest: PackageJson = JSON.parse(readText("package.json"));
const lockfile: { packages: Record<string, LockedPackage> } = JSON.parse(readText("package-lock.json"));
const runtime = Object.keys(manifest.dependencies);
const documentation = readText("docs/dependencies.md");

describe("a run-time dependency", () => {
  it("is known to the architecture, and nothing else is", () => {
    expect([...packageHomes.keys()].sort()).toEqual([...runtime].sort());
  });

  it.each(runtime)("%s has its reason, its alternatives and its way out in docs/dependencies.md", (name) => {
    const section = documentation.split(/^## /m).find((text) => text.startsWith(`${name}\n`)) ?? "";
    for (const heading of ["Why", "Instead", "To take it out"]) expect(section).toContain(`**${heading}:**`);
  });

  it.each(runtime)("%s is imported", (name) => {
    const sources = projectFiles("src").filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
    const importers = sources.filter((path) => importsOf(readText(path)).includes(name));
    expect(importers).not.toEqual([]);
  });
});

describe("every dependency", () => {
  it.each(Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))(
    "%s is pinned: %s",
    (_, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    },
  );

  it.each(Object.keys(manifest.devDependencies))("%s is named in docs/dependencies.md", (name) => {
    expect(documentation).toContain(`\`${name}\``);
  });
});

describe("the lockfile", () => {
  const packages = Object.entries(lockfile.packages);

  it("names no registry", () => {
    expect(packages.filter(([, locked]) => locked.resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  it("has every platform's package of an optional dependency, which npm 11 demands", () => {
    const wanted = packages.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).map((name) => [`${path}/node_modules/${name}`, `node_modules/${name}`]),
    );
    expect(wanted.length).toBeGreaterThan(0);
    const missing = wanted.filter((places) => !places.some((place) => place in lockfile.packages));
    expect(missing.map((places) => places[1])).toEqual([]);
  });
});

describe("the project", () => {
  it("names no host of a package registry in any file", () => {
    const host = /\b(?:registry|npm|packages?)\.[a-z0-9-]+\.(?:org|com|io|net|dev|local|internal)\b/i;
    const texts = projectFiles().filter((path) => !/\.(tar|png)$/.test(path));
    expect(texts.filter((path) => host.test(readText(path)))).toEqual([]);
  });

  it("is under the Apache License 2.0", () => {
    expect(manifest.license).toBe("Apache-2.0");
    expect(readText("LICENSE")).toContain("Apache License\n                           Version 2.0, January 2004");
  });
});
