import { printable } from "../../core/errors.ts";

/** An element of an SVG as text. Attributes are escaped; children are elements, or text by `svgText`. */
export function svgElement(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${svgText(String(value))}"`);
  const start = `<${name}${written.join("")}`;
  return children.length === 0 ? `${start}/>` : `${start}>${children.join("")}</${name}>`;
}

/** A whole picture on a white ground. */
export function svgPicture(
  size: { readonly width: number; readonly height: number },
  title: string,
  parts: readonly string[],
): string {
  const root = {
    xmlns: "http://www.w3.org/2000/svg",
    ...size,
    viewBox: `0 0 ${size.width} ${size.height}`,
    "font-family": "DejaVu Sans, Verdana, sans-serif",
  };
  const ground = svgElement("rect", { ...size, fill: "#ffffff" });
  const lines = [svgElement("title", {}, [svgText(title)]), ground, ...parts];
  return `${svgElement("svg", root, ["\n", ...lines.map((line) => `${line}\n`)])}\n`;
}

/** Text as it may stand in XML 1.0: control characters and what XML has no place for are shown escaped. */
export function svgText(text: string): string {
  return printable(text.toWellFormed())
    .replace(/[\ufffe\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
