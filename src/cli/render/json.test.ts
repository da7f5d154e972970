import { describe, expect, it } from "vitest";
import { toJSON } from "./json.ts";

describe("toJSON", () => {
  it("writes bytes as a string where they are UTF-8, else as base64", () => {
    expect(toJSON([Buffer.from("ü"), Buffer.from([0xff])])).toBe('["ü",{"base64":"/w=="}]');
  });

  it("reaches bytes in nested objects and leaves out what is undefined", () => {
    expect(toJSON({ node: { name: Buffer.from("a"), target: null, device: undefined } })).toBe(
      '{"node":{"name":"a","target":null}}',
    );
  });
});
