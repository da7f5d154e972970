import { expect, it } from "vitest";
import { archiveKey, linkTargetKey } from "./archive-path.ts";

it.each([
  ["a/b", "a/b"],
  ["./a//b/", "a/b"],
  ["/a/./b", "a/b"],
  ["x/../a/b", "a/b"],
  ["a/..b", "a/..b"],
  ["..", undefined],
  ["a/../../a", undefined],
  ["/..", undefined],
  ["", undefined],
  ["./", undefined],
])("finds %j under %j", (path, key) => {
  expect(archiveKey(Buffer.from(path))).toBe(key);
});

it("keeps names apart that differ in bytes that are not UTF-8", () => {
  expect(archiveKey(Buffer.from([0xff]))).not.toBe(archiveKey(Buffer.from([0xfe])));
});

it.each([
  ["b/layer.tar", "../a/layer.tar", "a/layer.tar"],
  ["b/layer.tar", "other.tar", "b/other.tar"],
  ["link", "a/b", "a/b"],
  ["b/layer.tar", "../../etc/passwd", undefined],
  ["b/layer.tar", "/a/layer.tar", undefined],
])("follows the link %s -> %s to %j", (link, target, key) => {
  expect(linkTargetKey(link, Buffer.from(target))).toBe(key);
});
