import { printableKey } from "../../union/entry-path.ts";
import type { DuplicatePath } from "../../view/merged-tree.ts";

/** What is told of layers that hold a path more than once. */
export function renderDuplicates(duplicates: readonly DuplicatePath[]): string {
  const [first, ...rest] = duplicates;
  if (first === undefined) return "";
  const others =
    rest.length === 0 ? "" : `, as ${rest.length === 1 ? "is 1 more path" : `are ${rest.length} more paths`}`;
  const path = printableKey(first.path);
  return `${path} is more than once in layer ${first.layer + 1}${others}: the last entry counts; Docker refuses such a layer`;
}
