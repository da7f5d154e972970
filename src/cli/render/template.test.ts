import { describe, expect, it } from "vitest";
import { parseTemplate, renderTemplate } from "./template.ts";

const row = {
  repository: "nginx",
  size: 12,
  none: null,
  layer: { diffID: "sha256:aa" },
  list: [1, 2],
  name: Buffer.from("a\nb"),
};

describe("a template", () => {
  it.each([
    ["{{.repository}}", "nginx"],
    ["{{.Repository}}:{{ .Size }}", "nginx:12"],
    ["{{.Layer.DiffID}}", "sha256:aa"],
    ["{{.None}} {{.None.Further}}", "<none> <none>"],
    ["{{.Name}}", "a\\x0ab"],
    ["{{.List}}", "[1,2]"],
    ["{{json .Layer}}", '{"diffID":"sha256:aa"}'],
    ["{{json .Name}}", '"a\\nb"'],
    ["a\\tb\\n{{.Size}}", "a\tb\n12"],
    ["no action", "no action"],
  ])("renders %s", (text, expected) => {
    expect(renderTemplate(parseTemplate(text), row)).toBe(expected);
  });

  it("gives the whole row as one line of JSON", () => {
    expect(JSON.parse(renderTemplate(parseTemplate("{{json .}}"), row))).toMatchObject({
      repository: "nginx",
      none: null,
    });
  });

  it.each([
    "{{.}}",
    "{{}}",
    "{{range .List}}",
    "{{.A | upper}}",
    "{{if .A}}x{{end}}",
    "{{.a",
    "a}}",
    "{{json}}",
    "{{.a.}}",
  ])("refuses %s", (text) => {
    expect(() => parseTemplate(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it.each(["{{.Nothing}}", "{{.Size.More}}", "{{.List.length}}", "{{.constructor}}"])(
    "refuses to render %s, which is no field",
    (text) => {
      expect(() => renderTemplate(parseTemplate(text), row)).toThrow(expect.objectContaining({ code: "USAGE" }));
    },
  );

  it("tells the fields that there are", () => {
    expect(() => renderTemplate(parseTemplate("{{.Layer.Nothing}}"), row)).toThrow(
      expect.objectContaining({ message: "--format: there is no field .Nothing", hint: "there are diffID" }),
    );
  });
});
