import { describe, expect, it } from "vitest";
import { formatResult, parseFormat } from "./format.ts";

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

describe("parseFormat", () => {
  it.each(["yaml", "", "JSON", "table {{.A}}", "{{range .}}"])("refuses %j", (text) => {
    expect(() => parseFormat(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
