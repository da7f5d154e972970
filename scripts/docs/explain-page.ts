import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderExplanationSVG } from "../../src/cli/render/explanation-svg.ts";
import type { Explanation } from "../../src/engine/explain/explanation.ts";
import { normalised } from "../tour/readme.ts";
import { withBlock } from "./block.ts";

const checkout = join(import.meta.dirname, "../..");
const image = "layerfs/sample:1";
const removed = "/usr/share/doc/sample/draft.txt";
/** What the page calls the data root. */
const shownRoot = "/var/lib/layerfs";

export interface ExplainDocs {
  readonly page: string;
  readonly picture: string;
}

/** docs/explain.md with the real output of its commands, and its picture; needs root and overlay mounts. */
export function makeExplainDocs(page: string): ExplainDocs {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-docs-"));
  const root = join(directory, "root");
  const shown = (text: string): string => normalised(text.replaceAll(root, shownRoot));
  const layerfs = (...words: string[]): string => runLayerfs(root, words);
  try {
    layerfs("load", "-q", "-i", "sample/layerfs-sample.tar");
    const json = layerfs("explain", "--format", "json", image);
    const { layers } = JSON.parse(json) as Explanation;
    const lowest = `overlay2/${layers[0]?.cacheID}/diff/etc/motd`;
    const block = (...words: string[]): string => `$ layerfs ${shown(words.join(" "))}\n${shown(layerfs(...words))}`;
    return {
      page: [
        ["stack", block("explain", image)],
        ["path", block("explain", image, removed)],
        ["directory", block("explain", lowest)],
      ].reduce((text, [name = "", output = ""]) => withBlock(text, name, output), page),
      picture: renderExplanationSVG(JSON.parse(shown(json)) as Explanation),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function runLayerfs(root: string, words: readonly string[]): string {
  const all = ["--root", root, "--driver", "overlay2", ...words];
  const { status, stdout, stderr } = spawnSync(join(checkout, "bin/layerfs"), all, { cwd: checkout, encoding: "utf8" });
  if (status !== 0) throw new Error(`layerfs ${words.join(" ")}: ${stderr}`);
  return stdout;
}
