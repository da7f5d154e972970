import { describe, expect, it } from "vitest";
import { archiveOf, imageOf, layoutOf, reader } from "../support/sources.ts";
import { layerTar, type TestEntry } from "../support/tar-builder.ts";

describe("compare", () => {
  const dpkg = (version: string): TestEntry => ({
    name: "var/lib/dpkg/status",
    data: `Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n`,
  });
  const npm = (version: string): TestEntry => ({
    name: "app/node_modules/@a/b/package.json",
    data: JSON.stringify({ name: "@a/b", version }),
  });
  const apk = { name: "lib/apk/db/installed", data: "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:zlib\nV:1.3-r0\n" };

  it("tells files of one size apart by their contents, whatever the times say", async () => {
    const before = imageOf([
      { name: "same", data: "abc", mtime: 1 },
      { name: "other", data: "abc" },
      dpkg("2.36-9"),
      npm("1.0.0"),
    ]);
    const after = imageOf([
      { name: "same", data: "abc", mtime: 2 },
      { name: "other", data: "abd" },
      dpkg("2.36-10"),
      npm("1.0.1"),
      apk,
    ]);
    const engine = await reader();
    const found = await engine.compare(archiveOf(before), layoutOf(after));
    expect(found.files.map(({ kind, path, fields }) => `${kind} ${path} ${fields}`)).toEqual([
      "changed /app/node_modules/@a/b/package.json content",
      "added /lib ",
      "added /lib/apk ",
      "added /lib/apk/db ",
      "added /lib/apk/db/installed ",
      "changed /other content",
      "changed /var/lib/dpkg/status content",
    ]);
    expect(found.packages.map(({ manager, name, before, after }) => [manager, name, before, after])).toEqual([
      ["apk", "musl", null, "1.2.4-r2"],
      ["apk", "zlib", null, "1.3-r0"],
      ["dpkg", "libc6", "2.36-9", "2.36-10"],
      ["npm", "@a/b", "1.0.0", "1.0.1"],
    ]);
  });

  it("tells config and history", async () => {
    const layers = [layerTar([{ name: "a" }])];
    const history = [{ created_by: "ADD a /" }];
    const one = { config: { Env: ["A=1", "B=2"], Labels: { x: "1" }, Cmd: ["sh"] }, history };
    const other = {
      config: { Env: ["A=1", "B=3"], Cmd: ["sh"], User: "app" },
      history: [...history, { created_by: "USER app", empty_layer: true }],
    };
    const found = await (await reader()).compare(
      archiveOf({ tags: [], layers, config: one }),
      archiveOf({ tags: [], layers, config: other }),
    );
    expect(found).toMatchObject({
      sharedLayers: 1,
      files: [],
      packages: [],
      config: [
        { field: "Env.B", before: "2", after: "3" },
        { field: "Labels.x", before: "1", after: null },
        { field: "User", before: null, after: "app" },
      ],
      history: { same: 1, before: [], after: [{ createdBy: "USER app", emptyLayer: true }] },
    });
  });
});

describe("waste", () => {
  it("is what layers hide, and what is there twice; a file with another name left is none", async () => {
    const found = await (await reader()).waste(
      archiveOf(
        imageOf(
          [
            { name: "big", data: "x".repeat(1000) },
            { name: "kept", data: "y".repeat(500) },
            { name: "kept-too", type: "hardlink", link: "kept" },
            { name: "d/in", data: "z".repeat(70) },
          ],
          [
            { name: "big", data: "1" },
            { name: ".wh.kept" },
            { name: ".wh.d" },
            { name: "copy", data: "y".repeat(500) },
          ],
        ),
      ),
    );
    expect(found.hidden.map(({ path, bytes, layer, by, how }) => `${path} ${bytes} ${layer} ${by} ${how}`)).toEqual([
      "/big 1000 0 1 replaced",
      "/d/in 70 0 1 deleted",
    ]);
    expect(found.layers).toMatchObject([
      { bytes: 1570, hiddenBytes: 1070, hidesBytes: 0, createdBy: "layer 0" },
      { bytes: 501, hiddenBytes: 0, hidesBytes: 1070 },
    ]);
    expect(found.duplicates?.map(({ bytes, files }) => [bytes, files.map(({ path }) => String(path))])).toEqual([
      [500, ["/kept-too", "/copy"]],
    ]);
  });
});

describe("stat", () => {
  it("tells the versions that a file hides", async () => {
    const image = imageOf([{ name: "a", data: "1" }], [{ name: "b" }], [{ name: "a", data: "333", mode: 0o600 }]);
    const details = await (await reader()).stat(archiveOf(image), "/a");
    expect(details).toMatchObject({
      layer: 2,
      size: 3,
      nlink: 1,
      createdBy: "layer 2",
      hides: [{ layer: 0, size: 1 }],
    });
  });
});
