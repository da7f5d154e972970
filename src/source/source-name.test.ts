import { expect, it } from "vitest";
import { parseSourceName } from "./source-name.ts";

it.each([
  ["oci:layout", { transport: "oci", path: "layout", image: null }],
  ["oci:/a/b:latest", { transport: "oci", path: "/a/b", image: { name: "latest" } }],
  ["oci:/a:quay.io:443/x/y:1", { transport: "oci", path: "/a", image: { name: "quay.io:443/x/y:1" } }],
  ["oci:/a:", { transport: "oci", path: "/a", image: null }],
  ["oci-archive:x.tar:1.0", { transport: "oci-archive", path: "x.tar", image: { name: "1.0" } }],
  ["docker-archive:x.tar:@2", { transport: "docker-archive", path: "x.tar", image: { index: 2 } }],
  ["dir:a:b", { transport: "dir", path: "a:b" }],
  ["docker://nginx", { transport: "docker", reference: { domain: "docker.io", path: "library/nginx" } }],
  [
    "docker://r.example:5000/a:1",
    { transport: "docker", reference: { domain: "r.example:5000", path: "a", tag: "1" } },
  ],
])("reads %s", (text, expected) => {
  expect(parseSourceName(text)).toEqual(expected);
});

it.each(["nginx", "nginx:1", "docker.io/library/oci:1", "sha256:abc", "OCI:x", "ocix:y", "docker:1"])(
  "takes %s for an image of the store",
  (text) => {
    expect(parseSourceName(text)).toBeNull();
  },
);

it("refuses docker:// and what is no name of an image", () => {
  expect(() => parseSourceName("docker://A B")).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
});

it.each(["oci:", "oci::latest", "dir:", "docker-archive:"])("refuses %s, which names no path", (text) => {
  expect(() => parseSourceName(text)).toThrow(
    expect.objectContaining({ code: "USAGE", message: expect.stringContaining("expected") }),
  );
});
