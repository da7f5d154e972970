import { expect, it } from "vitest";
import { renderRetry } from "./retry.ts";

const EVENT = { registry: "r.example", reason: "blob x: it hung up", attempt: 1, attempts: 6 };

it.each([
  [{ wait: 1200, asked: false }, "registry r.example: blob x: it hung up; trying again in 2 s"],
  [{ wait: 3000, asked: true }, "registry r.example asks to wait 3 s: blob x: it hung up"],
  [{ wait: 0, asked: false }, "registry r.example: blob x: it hung up; going on without it"],
])("tells %j as it is", (event, expected) => {
  expect(renderRetry({ ...EVENT, ...event })).toBe(expected);
});
