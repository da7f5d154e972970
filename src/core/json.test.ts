import { describe, expect, it } from "vitest";
import { digestOf, parseDigest } from "./digest.ts";
import { type JsonNode, MAX_JSON_BYTES, parseJson } from "./json.ts";

const DOCUMENT = { title: "image manifest", code: "INVALID_MANIFEST" } as const;

function parse(text: string): JsonNode {
  return parseJson(Buffer.from(text), DOCUMENT);
}

describe("parseJson", () => {
  it.each(["", "{", '{"a":1}x', "\ufeff{}", "{'a':1}", "[".repeat(100_000)])("refuses %.20j as no JSON", (text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: "INVALID_MANIFEST", message: expect.stringContaining("it is not JSON") }),
    );
  });

  it("refuses a document of more than 4 MiB unread", () => {
    expect(() => parseJson(Buffer.alloc(MAX_JSON_BYTES + 1, 32), DOCUMENT)).toThrow("expected at most 4194304");
  });

  it("reads a document whatever its nesting", () => {
    const depth = 100_000;
    expect(parse("[".repeat(depth) + "]".repeat(depth)).items((item) => item)).toHaveLength(1);
  });
});

describe("JsonNode", () => {
  it("names the place, what it expected and what it found", () => {
    const node = parse('{"layers":[{"size":"7682"}]}');
    expect(() => node.field("layers").items((layer) => layer.field("size").size())).toThrow(
      'image manifest: layers[0].size: expected a whole number from 0 to 2^53-1, found "7682"',
    );
  });

  it.each<[string, (node: JsonNode) => unknown]>([
    ["[]", (node) => node.object()],
    ["null", (node) => node.object()],
    ["{}", (node) => node.items((item) => item)],
    ["1", (node) => node.string()],
    ["1", (node) => node.boolean()],
    ["-1", (node) => node.size()],
    ["1.5", (node) => node.size()],
    ["9007199254740992", (node) => node.size()],
    ['["a",1]', (node) => node.strings()],
    ['{"a":1}', (node) => node.stringMap()],
  ])("refuses %s where another type is expected", (text, read) => {
    expect(() => read(parse(text))).toThrow(expect.objectContaining({ code: "INVALID_MANIFEST" }));
  });

  it("takes null and a missing field for absent", () => {
    const node = parse('{"a":null}');
    expect([node.field("a").isAbsent, node.field("b").isAbsent]).toEqual([true, true]);
    expect(node.field("a").optional((value) => value.string())).toBeUndefined();
  });

  it("finds no field that an object merely inherits", () => {
    expect(parse("{}").field("constructor").isAbsent).toBe(true);
    expect(parse("{}").field("__proto__").isAbsent).toBe(true);
  });

  it("keeps a map's names apart from an object's own", () => {
    expect([...parse('{"__proto__":"x","a":"b"}').stringMap()]).toEqual([
      ["__proto__", "x"],
      ["a", "b"],
    ]);
  });

  it("gives a parser's failure its own code and place, and keeps the cause", () => {
    const node = parse('{"digest":"sha256:no"}').field("digest");
    expect(() => node.parsed(parseDigest)).toThrow(
      expect.objectContaining({
        code: "INVALID_MANIFEST",
        message: expect.stringContaining("digest: "),
        cause: expect.objectContaining({ code: "INVALID_DIGEST" }),
      }),
    );
    const digest = digestOf("x");
    expect(parse(JSON.stringify(digest)).parsed(parseDigest)).toBe(digest);
  });
});
