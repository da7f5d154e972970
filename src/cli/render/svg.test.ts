import { describe, expect, it } from "vitest";
import { svgElement, svgPicture, svgText } from "./svg.ts";

describe("svgText", () => {
  it.each([
    ["a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c'"],
    ["\x00\x1b[31m\n", "\\x00\\x1b[31m\\x0a"],
    ["\ufffe\uffff", "\\ufffe\\uffff"],
    ["\ud800", "\ufffd"],
    ["é 😀", "é 😀"],
  ])("writes %j as XML may have it", (text, expected) => {
    expect(svgText(text)).toBe(expected);
  });
});

describe("svgElement", () => {
  it("escapes attributes and nests children", () => {
    const inner = svgElement("tspan", { x: 1 });
    expect(svgElement("text", { id: '"<' }, [inner, "a"])).toBe('<text id="&quot;&lt;"><tspan x="1"/>a</text>');
  });
});

describe("svgPicture", () => {
  it("has its size and a title", () => {
    const picture = svgPicture({ width: 2, height: 3 }, "a & b", []);
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="2" height="3" viewBox="0 0 2 3"/);
    expect(picture).toContain("<title>a &amp; b</title>");
  });
});
