import { expect, it } from "vitest";
import { parseChallenges } from "./challenge.ts";

const parsed = (...headers: string[]): unknown[] =>
  parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

it.each([
  ['Bearer realm="https://a/token",service="a b"', [["bearer", { realm: "https://a/token", service: "a b" }]]],
  ["BEARER Realm=x , SERVICE=y", [["bearer", { realm: "x", service: "y" }]]],
  [
    'Bearer realm="a,b=c",scope="repository:x:pull,push"',
    [["bearer", { realm: "a,b=c", scope: "repository:x:pull,push" }]],
  ],
  ['Basic realm="say \\"hi\\""', [["basic", { realm: 'say "hi"' }]]],
  ["Negotiate", [["negotiate", {}]]],
  [
    "Negotiate YWJj==, Basic realm=x",
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  ["", []],
] as [string, unknown[]][])("reads %s", (header, expected) => {
  expect(parsed(header)).toEqual(expected);
});

it("reads several headers", () => {
  expect(parsed("Negotiate", "Basic realm=x")).toEqual([
    ["negotiate", {}],
    ["basic", { realm: "x" }],
  ]);
});

it.each([
  ["a quote that is not closed", 'Bearer realm="https://a'],
  ["a parameter that comes twice", "Bearer realm=a,realm=b"],
  ["a parameter without a scheme", "realm=a"],
  ["words without a comma", "Bearer realm=a service=b"],
  ["a value that is missing", "Bearer realm=,service=a"],
  ["a header that is far too long", `Bearer realm="${"a".repeat(10_000)}"`],
])("takes nothing from a challenge with %s", (_, header) => {
  expect(parsed(header)).toEqual([]);
});

it("keeps the challenges before one that breaks the grammar", () => {
  expect(parsed("Basic realm=x, Bearer realm=a, realm=b")).toEqual([["basic", { realm: "x" }]]);
});
