import { describe, expect, it } from "vitest";
import { violations } from "./support/architecture.ts";
import { projectFiles, readText } from "./support/tree.ts";

const longestFile = 400;

/** Files that may be longer than `longestFile` lines, and why splitting them would make them worse to read. */
const longFiles: ReadonlyMap<string, string> = new Map([
  ["test/corpus/edge-layers.ts", "one table of odd layers; its rows share their vocabulary"],
]);

const sources = projectFiles().filter((path) => path.endsWith(".ts"));

describe("the project's files", () => {
  it("are found", () => {
    expect(sources).toContain("src/core/errors.ts");
    expect(sources).toContain("test/architecture.test.ts");
  });

  it("import only what their row allows, and print only in src/cli", () => {
    expect(sources.flatMap((path) => violations(path, readText(path)))).toEqual([]);
  });

  it(`have at most ${longestFile} lines, or a reason for more`, () => {
    const long = sources.filter((path) => readText(path).split("\n").length - 1 > longestFile);
    expect(long).toEqual([...longFiles.keys()]);
  });
});

describe("the check itself", () => {
  it.each([
    ["src/cli/main.ts", `import { engine } from "../engine/engine.ts";`],
    ["src/index.ts", `export { type Digest } from "./core/digest.ts";\nexport * from "./engine/engine.ts";`],
    ["src/layer/apply.ts", `import { openat } from "../sys/at.ts";\nimport { parse } from "./tar/deep.ts";`],
    ["src/layer/deep/er.ts", `import { apply } from "../apply.ts";`],
    ["src/mount/mounter.ts", `import type { MountStep } from "../driver/plan.ts";`],
    ["src/sys/native.ts", `import koffi from "koffi";`],
    ["src/cli/program.ts", `import { Command } from "commander";\nconsole.log(1);\nprocess.stdout.write("");`],
    ["src/layer/pool.ts", `new Worker(new URL("./worker.ts", import.meta.url));`],
    ["src/core/digest.ts", `import { createHash } from "node:crypto";`],
    ["src/core/errors.ts", `/**\n * import { main } from "../cli/main.ts";\n */\n// console.log(1)\nconst n = 1;`],
    ["src/core/errors.test.ts", `import { expect } from "vitest";\nimport { engine } from "../engine/engine.ts";`],
    ["test/e2e/tour.test.ts", `import { main } from "../../src/cli/main.ts";\nconsole.log(1);`],
  ])("accepts in %s: %s", (path, text) => {
    expect(violations(path, text)).toEqual([]);
  });

  it.each([
    ["an import of a folder above", "src/core/image.ts", `import { a } from "../layer/a.ts";`, "above it"],
    ["a type import of a folder above", "src/core/image.ts", `import type { A } from "../layer/a.ts";`, "above it"],
    ["an import over several lines", "src/sys/at.ts", `import {\n  a,\n  b,\n} from "../union/a.ts";`, "above it"],
    ["an import for its effect", "src/sys/at.ts", `import "../union/a.ts";`, "above it"],
    ["an export from above", "src/sys/at.ts", `export { a } from "../union/a.ts";`, "above it"],
    ["a star export from above", "src/sys/at.ts", `export * from "../union/a.ts";`, "above it"],
    ["a dynamic import", "src/sys/at.ts", `const a = await import("../union/a.ts");`, "above it"],
    ["an import in a type", "src/sys/at.ts", `type A = import("../union/a.ts").A;`, "above it"],
    ["a worker of a folder above", "src/sys/at.ts", `new URL("../layer/worker.ts", import.meta.url)`, "above it"],
    ["a detour", "src/sys/at.ts", `import { a } from "../sys/../union/a.ts";`, "above it"],
    ["a sibling", "src/source/archive.ts", `import { a } from "../content/a.ts";`, "its sibling"],
    ["a sibling in the row of sys", "src/sys/at.ts", `import { a } from "../tar/a.ts";`, "its sibling"],
    ["the public entry from the command", "src/cli/main.ts", `import { a } from "../index.ts";`, "its sibling"],
    ["a folder that no row has", "src/cli/main.ts", `import { a } from "../utils/a.ts";`, "in no row"],
    ["a file that no row has", "src/utils/a.ts", "export const a = 1;", "in no row"],
    ["a file outside src", "src/cli/main.ts", `import { a } from "../../scripts/a.ts";`, "outside src/"],
    ["a test", "src/cli/main.ts", `import { a } from "./a.test.ts";`, "imports the test"],
    ["koffi outside sys", "src/mount/mounter.ts", `import koffi from "koffi";`, "stays in src/sys"],
    ["commander outside cli", "src/engine/a.ts", `import { Command } from "commander";`, "stays in src/cli"],
    ["a part of a package", "src/engine/a.ts", `import { x } from "koffi/indirect";`, "stays in src/sys"],
    ["a package that is no dependency", "src/sys/at.ts", `import x from "@scope/pack/deep";`, "no run-time dependency"],
    ["a required package", "src/engine/a.ts", `const k = require("koffi");`, "stays in src/sys"],
    ["a built-in module without node:", "src/engine/a.ts", `import fs from "fs";`, "no run-time dependency"],
    ["I/O in a pure folder", "src/tar/reader.ts", `import { open } from "node:fs/promises";`, "does no I/O"],
    ["an import without ending", "src/cli/main.ts", `import { a } from "./a";`, "does not end in .ts"],
    ["an import ending in .js", "src/cli/main.test.ts", `import { a } from "./a.js";`, "does not end in .ts"],
    ["console", "src/layer/apply.ts", `console.error("x");`, "prints"],
    ["standard output", "src/layer/apply.ts", `process.stdout.write("x");`, "prints"],
  ])("rejects %s", (_, path, text, expected) => {
    const found = violations(path, text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });
});

describe("ARCHITECTURE.md", () => {
  it("describes every folder of src", () => {
    const folders = new Set(projectFiles("src").flatMap((path) => /^src\/[^/]+(?=\/)/.exec(path)?.[0] ?? []));
    expect(folders).toContain("src/core");
    const text = readText("ARCHITECTURE.md");
    expect([...folders].filter((folder) => !text.includes(`| \`${folder}\` |`))).toEqual([]);
  });
});
