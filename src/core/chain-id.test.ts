import { expect, it } from "vitest";
import { chainIDs } from "./chain-id.ts";
import { digestOf } from "./digest.ts";

const [a, b, c] = [digestOf("a"), digestOf("b"), digestOf("c")];

it("gives no chain for no layers", () => {
  expect(chainIDs([])).toEqual([]);
});

it("names the lowest layer by its diffID", () => {
  expect(chainIDs([a])).toEqual([a]);
});

it("names each further layer by the chain below and its diffID", () => {
  const ab = digestOf(`${a} ${b}`);
  expect(chainIDs([a, b, c])).toEqual([a, ab, digestOf(`${ab} ${c}`)]);
});

it("tells one diff on two parents apart", () => {
  expect(chainIDs([a, c]).at(-1)).not.toBe(chainIDs([b, c]).at(-1));
});
