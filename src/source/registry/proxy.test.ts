import { expect, it } from "vitest";
import { proxyFor } from "./proxy.ts";

const PROXY = "http://proxy.example:3128/";
const found = (url: string, environment: Record<string, string>): string | undefined =>
  proxyFor(new URL(url), environment)?.href;

it.each([
  ["HTTPS_PROXY for https", "https://r.example/", { HTTPS_PROXY: PROXY }],
  ["https_proxy for https", "https://r.example/", { https_proxy: PROXY }],
  ["HTTP_PROXY for http", "http://r.example/", { HTTP_PROXY: PROXY }],
  ["a proxy without a scheme", "https://r.example/", { HTTPS_PROXY: "proxy.example:3128" }],
])("takes %s", (_, url, environment) => {
  expect(found(url, environment)).toBe(PROXY);
});

it.each([
  ["this machine", "https://127.0.0.1:5000/", {}],
  ["this machine by its name", "http://localhost:5000/", {}],
  ["this machine by IPv6", "https://[::1]:5000/", {}],
  ["everything", "https://r.example/", { NO_PROXY: "*" }],
  ["a host", "https://r.example/", { NO_PROXY: "a.example, r.example" }],
  ["a host below", "https://a.r.example/", { no_proxy: "r.example" }],
  ["a host below a dot", "https://a.r.example/", { NO_PROXY: ".r.example" }],
  ["a host below a star", "https://a.r.example/", { NO_PROXY: "*.r.example" }],
  ["a host with its port", "https://r.example:5000/", { NO_PROXY: "r.example:5000" }],
  ["an address", "https://10.0.0.1/", { NO_PROXY: "10.0.0.1" }],
  ["a network", "https://10.0.0.1/", { NO_PROXY: "10.0.0.0/8" }],
  ["an IPv6 address", "https://[fd00::1]/", { NO_PROXY: "fd00::1" }],
])("goes to %s without one", (_, url, environment) => {
  expect(found(url, { HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, ...environment })).toBeUndefined();
});

it.each([
  ["another host", "https://other.example/", "r.example"],
  ["a host that only ends so", "https://xr.example/", "r.example"],
  ["the host itself, where only what is below is meant", "https://r.example/", ".r.example"],
  ["another port", "https://r.example/", "r.example:5000"],
  ["an address outside of the network", "https://11.0.0.1/", "10.0.0.0/8"],
])("goes through it to %s", (_, url, exceptions) => {
  expect(found(url, { HTTPS_PROXY: PROXY, NO_PROXY: exceptions })).toBe(PROXY);
});

it("does not show the URL of a proxy that cannot be used", () => {
  const environment = { HTTPS_PROXY: "socks5://me:secret@proxy.example" };
  expect(() => found("https://r.example/", environment)).toThrow(/^HTTPS_PROXY: expected the URL of a proxy/);
});
