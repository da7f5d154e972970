import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { digestOf } from "../core/digest.ts";
import { parseReference } from "../core/reference.ts";
import { type ImageLayout, imageLayout } from "./layout.ts";
import { findName, readRepositories, tagsOf, withName, withoutName, writeRepositories } from "./repositories.ts";

const A = digestOf("a");
const B = digestOf("b");
const MANIFEST = digestOf("manifest");

function layout(): ImageLayout {
  const made = imageLayout(scratchDirectory(), "overlay2");
  mkdirSync(dirname(made.repositories), { recursive: true });
  return made;
}

it("has no names where there is no file", () => {
  expect(readRepositories(layout()).size).toBe(0);
});

it("writes the bytes that dockerd writes, with its mode", () => {
  const place = layout();
  const named = withName(new Map(), parseReference("lab/nginx:1"), A);
  writeRepositories(place, withName(named, parseReference(`lab/nginx@${MANIFEST}`), A));
  expect(readFileSync(place.repositories, "utf8")).toBe(
    `{"Repositories":{"lab/nginx":{"lab/nginx:1":"${A}","lab/nginx@${MANIFEST}":"${A}"}}}`,
  );
  expect(statSync(place.repositories).mode & 0o777).toBe(0o600);
});

it("uses familiar names and finds an image by any form of its name", () => {
  const repositories = withName(new Map(), parseReference("docker.io/library/nginx:1"), A);
  expect(findName(repositories, parseReference("nginx:1"))).toBe(A);
  expect(findName(repositories, parseReference("nginx:2"))).toBeNull();
});

it("moves a name to another image", () => {
  const before = withName(new Map(), parseReference("x:1"), A);
  const after = withName(before, parseReference("x:1"), B);
  expect(tagsOf(after, A)).toEqual([]);
  expect(tagsOf(after, B)).toEqual([{ repository: "x", name: "x:1", id: B }]);
  expect(tagsOf(before, A)).toHaveLength(1);
});

it("drops a repository with its last name", () => {
  const place = layout();
  const repositories = withName(new Map(), parseReference("x:1"), A);
  writeRepositories(place, withoutName(repositories, { repository: "x", name: "x:1", id: A }));
  expect(readFileSync(place.repositories, "utf8")).toBe('{"Repositories":{}}');
});

it.each(["", "{", "[]", '{"Repositories":{"x":{"x:1":"sha256:short"}}}'])(
  "names the file that is damaged: %j",
  (text) => {
    const place = layout();
    writeFileSync(place.repositories, text);
    expect(() => readRepositories(place)).toThrow(expect.objectContaining({ code: "CORRUPT_STORE" }));
    expect(() => readRepositories(place)).toThrow(/repositories\.json is damaged/);
  },
);
