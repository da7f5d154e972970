import { describe, expect, it } from "vitest";
import type { TreeRow } from "../../test/support/dump-tree.ts";
import { parseSnykListing } from "./listers/snyk-docker-plugin.ts";
import { type ListedNode, wrongAnswers } from "./wrong-answers.ts";

const ALL = { types: null, added: null };

function row(path: string, type: TreeRow["type"], more: Partial<TreeRow> = {}): TreeRow {
  const rest = { uid: 0, gid: 0, sha256: null, device: null, xattrs: [], mtime: 0n, group: null };
  return { path, type, mode: 0o755, size: type === "file" ? 3 : null, target: null, ...rest, ...more };
}

const EXPECTED = [
  row("", "directory"),
  row("d", "directory"),
  row("d/f", "file"),
  row("d/l", "symlink", { target: "f" }),
];

function listed(path: string, type: TreeRow["type"], more: Partial<ListedNode> = {}): ListedNode {
  return { path, type, mode: null, size: null, target: null, ...more };
}

const RIGHT = [listed("d", "directory"), listed("d/f", "file"), listed("d/l", "symlink")];

describe("wrongAnswers", () => {
  it.each<[string, ListedNode[], [number, number, number]]>([
    ["counts none where all paths are listed, whatever else is not told", RIGHT, [0, 0, 0]],
    ["counts a path that is missing", RIGHT.slice(1), [1, 0, 0]],
    ["counts a path of no node", [...RIGHT, listed("gone", "file")], [0, 1, 0]],
    ["counts a path that is listed again", [...RIGHT, listed("d/f", "file")], [0, 1, 0]],
    ["counts another type", [RIGHT[0]!, listed("d/f", "directory"), RIGHT[2]!], [0, 0, 1]],
    ["counts another mode", [listed("d", "directory", { mode: 0o700 }), ...RIGHT.slice(1)], [0, 0, 1]],
    ["counts another size", [RIGHT[0]!, listed("d/f", "file", { size: 4 }), RIGHT[2]!], [0, 0, 1]],
    ["counts another target", [...RIGHT.slice(0, 2), listed("d/l", "symlink", { target: "g" })], [0, 0, 1]],
  ])("%s", (_, nodes, [missing, extra, different]) => {
    expect(wrongAnswers(EXPECTED, nodes, ALL)).toEqual({ missing, extra, different });
  });

  it("does not miss types that the peer cannot tell, nor look at what it adds", () => {
    const nodes = [listed("d/f", "file"), listed("dev/null", "char")];
    expect(wrongAnswers(EXPECTED, nodes, { types: ["file"], added: /^dev\// })).toEqual({
      missing: 0,
      extra: 0,
      different: 0,
    });
  });
});

describe("what snyk-docker-plugin lists", () => {
  it("has files with their sizes, and symlinks", () => {
    const output = JSON.stringify({ files: [["/d/é", 3]], symlinks: ["/d/l"] });
    expect(parseSnykListing(output)).toEqual([
      { path: "d/\xc3\xa9", type: "file", mode: null, size: 3, target: null },
      { path: "d/l", type: "symlink", mode: null, size: null, target: null },
    ]);
  });
});
