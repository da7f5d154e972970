import { beforeEach, type TestContext } from "vitest";
import type { Requirement } from "./machine.ts";

export { findProgram, mounting, program, type Requirement, root } from "./machine.ts";

/**
 * Called in a `describe` or at the top of a file: skips its tests, with the reason, where a requirement is not met.
 * Returns the first reason, so that a `beforeAll` can return early; null where all is there.
 *
 *     const missing = requires(root(), program("mkfs.xfs"));
 */
export function requires(...requirements: readonly Requirement[]): Requirement {
  const missing = requirements.find((requirement) => requirement !== null) ?? null;
  if (missing !== null) beforeEach((context) => context.skip(missing));
  return missing;
}

/** The same for one test, at its beginning: ends it as skipped, with the first reason. */
export function requiresHere(context: TestContext, ...requirements: readonly Requirement[]): void {
  const missing = requirements.find((requirement) => requirement !== null);
  if (missing !== undefined && missing !== null) context.skip(missing);
}
