import { expect, it } from "vitest";
import { insecureRegistries, insecurityOf } from "./insecure-registries.ts";

it.each(["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "LOCALHOST"])(
  "trusts this machine as %s",
  async (host) => {
    expect(await insecureRegistries([])(host)).toEqual({ address: null });
  },
);

it.each([
  ["a host", "r.example:5000", "r.example:5000"],
  ["a host in other letters", "R.Example:5000", "r.example:5000"],
  ["a host with a scheme, as dockerd takes it", "http://r.example:5000", "r.example:5000"],
  ["an address in a network", "10.1.0.0/16", "10.1.2.3:5000"],
  ["an IPv6 address in a network", "fd00::/8", "[fd00::1]:5000"],
  ["an IPv6 address", "[fd00::1]:5000", "[fd00::1]:5000"],
])("trusts %s that is listed", async (_, entry, host) => {
  expect(await insecureRegistries([entry])(host)).toEqual({ address: null });
});

it.each([
  ["another port", "r.example:5000", "r.example:5001"],
  ["a host below a listed one", "r.example", "a.r.example"],
  ["an address outside of the network", "10.1.0.0/16", "10.2.0.1"],
  ["what only begins like this machine", "10.0.0.0/8", "127.0.0.1.r.invalid"],
])("does not trust %s", async (_, entry, host) => {
  expect(await insecureRegistries([entry])(host)).toBeNull();
});

it.each([
  ["r.example:443", "https://r.example/", true],
  ["r.example", "https://r.example:443/", true],
  ["r.example:80", "http://r.example/", true],
  ["r.example:443", "http://r.example/", false],
  ["r.example", "https://r.example:444/", false],
])("listed as %s: is %s insecure? %s", async (entry, url, expected) => {
  const found = await insecurityOf(insecureRegistries([entry]), new URL(url));
  expect(found !== null).toBe(expected);
});

it("says where a name of a listed network lies, so that it is not looked up again", async () => {
  const hostname = "ip6-localhost";
  const found = await insecureRegistries(["127.0.0.0/8", "::1/128"])(hostname);
  expect(found === null || found.address !== null).toBe(true);
});

it.each(["", "a b", "r.example/path", "10.0.0.0/99", "user@r.example"])("refuses %j as a registry", (entry) => {
  expect(() => insecureRegistries([entry])).toThrow(expect.objectContaining({ code: "USAGE" }));
});
