import { existsSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { makeContainersDocs } from "../scripts/docs/containers-page.ts";
import { withEdgeTable } from "../scripts/docs/edge-table.ts";
import { makeExplainDocs } from "../scripts/docs/explain-page.ts";
import { makeLookInsideDocs } from "../scripts/docs/look-inside-page.ts";
import { makeCommitDocs, makeCpDocs } from "../scripts/docs/session-page.ts";
import { overlay } from "./support/filesystems.ts";
import { requires } from "./support/requires.ts";
import { checkout, projectFiles, readText } from "./support/tree.ts";

const pages = projectFiles().filter((path) => path.endsWith(".md"));
const readme = readText("README.md");

describe("the documentation", () => {
  it.each(pages)("has no dead link in %s", (page) => {
    const links = [...readText(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? "");
    const dead = links.filter((link) => !existsSync(posix.join(checkout, posix.dirname(page), link)));
    expect(dead).toEqual([]);
  });

  it("lists every page of docs/ in docs/README.md", () => {
    const index = readText("docs/README.md");
    const others = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
    expect(others).not.toEqual([]);
    expect(others.filter((page) => !index.includes(`(${posix.relative("docs", page)})`))).toEqual([]);
  });
});

describe("the README", () => {
  const commands = [...readme.matchAll(/```sh\n([\s\S]*?)\n```/g)].map((match) => match[1]);

  it("has two commands: one to try, one to test", () => {
    expect(commands).toEqual(["npm ci && npm run tour", "npm ci && npm test"]);
  });

  it("has the command that .ci/run runs, and that alone", () => {
    const lines = readText(".ci/run").split("\n");
    const setUp = /^(#.*|set -euo pipefail|cd "\$\(dirname "\$\{BASH_SOURCE\[0\]\}"\)\/\.\.")?$/;
    expect(lines.filter((line) => !setUp.test(line))).toEqual([commands[1]]);
  });
});

it("has the table of odd layers as the corpus has them (else: npm run docs)", () => {
  const page = readText("docs/layers.md");
  expect(withEdgeTable(page)).toBe(page);
});

it("has what the commands print in docs/look-inside.md (else: npm run docs)", () => {
  const page = readText("docs/look-inside.md");
  expect(makeLookInsideDocs(page)).toBe(page);
});

describe("docs/commit.md", () => {
  requires(overlay());

  it("has what the commands print (else: npm run docs)", () => {
    const page = readText("docs/commit.md");
    expect(makeCommitDocs(page)).toBe(page);
  });
});

describe("docs/cp.md", () => {
  requires(overlay());

  it("has what the commands print (else: npm run docs)", () => {
    const page = readText("docs/cp.md");
    expect(makeCpDocs(page)).toBe(page);
  });
});

describe("docs/explain.md", () => {
  requires(overlay());

  it("has what the commands print, and the picture that they draw (else: npm run docs)", () => {
    const page = readText("docs/explain.md");
    expect(makeExplainDocs(page)).toEqual({ page, picture: readText("docs/explain.svg") });
  });
});

describe("docs/containers.md", () => {
  requires(overlay());

  it("has what the commands print (else: npm run docs)", () => {
    const page = readText("docs/containers.md");
    expect(makeContainersDocs(page)).toBe(page);
  });
});
