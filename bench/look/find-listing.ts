import type { TreeRowType } from "../../test/support/dump-tree.ts";
import type { ListedNode } from "./wrong-answers.ts";

/** What find(1) prints for each node below its starting point. */
export const FIND_LISTING = ["-mindepth", "1", "-printf", "%P\\0%y\\0%m\\0%s\\0%l\\0"] as const;

const FIELDS = 5;
const TYPES: Readonly<Record<string, TreeRowType>> = {
  f: "file",
  d: "directory",
  l: "symlink",
  c: "char",
  b: "block",
  p: "fifo",
  s: "socket",
};

/** What `find` with `FIND_LISTING` printed, as latin1. */
export function parseFindListing(output: string): ListedNode[] {
  const fields = output.split("\0").slice(0, -1);
  return Array.from({ length: fields.length / FIELDS }, (_, index) => {
    const [path = "", letter = "", mode = "", size = "", target = ""] = fields.slice(
      index * FIELDS,
      (index + 1) * FIELDS,
    );
    const type = TYPES[letter];
    if (type === undefined) throw new Error(`find printed a type ${JSON.stringify(letter)}`);
    return {
      path,
      type,
      mode: Number.parseInt(mode, 8),
      size: type === "file" ? Number(size) : null,
      target: type === "symlink" ? target : null,
    };
  });
}
