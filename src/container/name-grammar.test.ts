import { expect, it } from "vitest";
import { inventName, parseContainerName } from "./name-grammar.ts";

it.each(["ab", "a.b-c_d", "0x", "/web"])("%s is a container's name", (text) => {
  expect(parseContainerName(text)).toBe(text.replace("/", ""));
});

it.each(["", "a", "-a", "a b", "a/b", "//ab", "ä1", "a\n"])("%j is none", (text) => {
  expect(() => parseContainerName(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

it("an invented name is free, and has a number where the words alone are taken", () => {
  expect(inventName(() => false)).toMatch(/^[a-z]+_[a-z]+$/);
  const name = inventName((taken) => !/\d{2}$/.test(taken));
  expect(name).toMatch(/^[a-z]+_[a-z]+\d{2,}$/);
  expect(parseContainerName(name)).toBe(name);
});
