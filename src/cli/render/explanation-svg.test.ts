import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { EXPLANATION } from "../../../test/support/command-line.ts";
import { program, requires } from "../../../test/support/requires.ts";
import type { Explanation } from "../../engine/explain/explanation.ts";
import { renderExplanationSVG } from "./explanation-svg.ts";

const hostile = `</text><script>&"'\x00\x1b\ufffe${"W".repeat(500)}`;
const [lowest] = EXPLANATION.layers;
const HOSTILE: Explanation = {
  ...EXPLANATION,
  names: [hostile],
  manifests: [hostile],
  platform: hostile,
  layers: [{ ...lowest!, directory: hostile, link: hostile, createdBy: hostile, sharedWith: [hostile] }],
  shortMountCommand: hostile,
};
const node = { kind: "file", mode: 0o644, size: 1, linkTarget: null } as const;
const DELETED: Explanation = {
  ...EXPLANATION,
  path: {
    path: Buffer.from("/a"),
    layer: null,
    steps: [
      { effect: "put", by: null, node },
      { effect: "deleted", by: Buffer.from("/a"), node: null },
    ],
  },
};

describe("renderExplanationSVG", () => {
  it("draws each layer with its number, size, digests and directory, and the command that joins them", () => {
    const picture = renderExplanationSVG(EXPLANATION);
    for (const { diffID, chainID, directory, link } of EXPLANATION.layers) {
      for (const text of [diffID, chainID, directory, link]) expect(picture).toContain(`>${text}</text>`);
    }
    expect(picture).toContain(">1.24MB</text>");
    expect(picture).toContain(">shared with</text>");
    expect(picture.replace(/<[^>]*>\s*/g, "")).toContain("lowerdir=l/TOPMOST:l/LOWEST TARGET");
    expect(picture.indexOf("COPY topmost")).toBeLessThan(picture.indexOf("COPY lowest"));
  });

  it("is the same each time", () => {
    expect(renderExplanationSVG(EXPLANATION)).toBe(renderExplanationSVG(EXPLANATION));
  });

  it("tells what the layers do to a path", () => {
    expect(renderExplanationSVG(DELETED)).toContain(">deleted by the whiteout of /a</text>");
    expect(renderExplanationSVG(DELETED)).not.toContain("joined by");
  });

  it("lets no text of an image become an element", () => {
    const picture = renderExplanationSVG(HOSTILE);
    expect(picture).not.toContain("<script");
    const elements = new Set([...picture.matchAll(/<(\w+)/g)].map((match) => match[1]));
    expect([...elements].sort()).toEqual(["rect", "svg", "text", "title"]);
  });

  it("draws an image without layers", () => {
    const empty = { ...EXPLANATION, layers: [], mountCommand: null, shortMountCommand: null };
    expect(renderExplanationSVG(empty)).toContain("0 layers");
  });
});

describe("the picture, for a parser of XML", () => {
  requires(program("xmllint"));

  it.each([
    ["of an image", EXPLANATION],
    ["of a path", DELETED],
    ["of hostile text", HOSTILE],
  ])("%s is well formed", (_, explanation) => {
    const { status, stderr } = spawnSync("xmllint", ["--noout", "-"], {
      input: renderExplanationSVG(explanation),
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
