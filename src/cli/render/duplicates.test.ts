import { expect, it } from "vitest";
import { renderDuplicates } from "./duplicates.ts";

const END = ": the last entry counts; Docker refuses such a layer";
const path = (name: string) => ({ layer: 1, path: name });

it.each([
  [[path("d/\xff")], `/d/\\xff is more than once in layer 2${END}`],
  [[path("a"), path("b")], `/a is more than once in layer 2, as is 1 more path${END}`],
  [[path("a"), path("b"), path("c")], `/a is more than once in layer 2, as are 2 more paths${END}`],
])("tells of %j", (duplicates, expected) => {
  expect(renderDuplicates(duplicates)).toBe(expected);
});
