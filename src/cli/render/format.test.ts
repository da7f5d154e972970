import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { formatPieces, formatResult, parseFormat } from "./format.ts";

const table = (): string => "the table\n";

describe("formatResult", () => {
  it.each([
    ["table", [{ a: 1 }], "the table\n"],
    ["json", [], "[]\n"],
    ["{{.A}}", [{ a: 1 }, { a: 2 }], "1\n2\n"],
    ["{{.A}}", { a: 1 }, "1\n"],
    ["{{.A}}", [], ""],
  ])("gives in the form %s of %j", (format, result, expected) => {
    expect(formatResult(parseFormat(format), result, table)).toBe(expected);
  });
});

describe("formatPieces", () => {
  const rows = [
    { a: 1, b: { c: ["x\n  y", Buffer.from([255])] } },
    { a: 2, b: {} },
    { a: 3, b: null },
  ];

  it.each(["json", "{{.A}} {{json .}}"])(
    "gives in the form %s what formatResult does, however it is cut",
    async (text) => {
      const format = parseFormat(text);
      for (const cut of [[], [rows], [rows.slice(0, 1), rows.slice(1)], rows.map((row) => [row])]) {
        const pieces = await Readable.from(formatPieces(format, Readable.from(cut), () => "")).toArray();
        expect(pieces.join("")).toBe(formatResult(format, cut.flat(), table));
      }
    },
  );

  it("draws each piece by itself", async () => {
    const pieces = formatPieces(parseFormat("table"), Readable.from([[1, 2], [3]]), (items) => `${items.join()}\n`);
    expect(await Readable.from(pieces).toArray()).toEqual(["1,2\n", "3\n"]);
  });
});

describe("parseFormat", () => {
  it.each(["yaml", "", "JSON", "table {{.A}}", "{{range .}}"])("refuses %j", (text) => {
    expect(() => parseFormat(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
