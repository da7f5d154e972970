import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach } from "vitest";

/** Directory of public test data that is not part of the project; see the conformance tests for what they look for. */
const DIRECTORY = process.env.LAYERFS_FIXTURES;

/** Skips the tests of the block it is called in, with the reason, where there are no fixtures. */
export function needsFixtures(): void {
  if (DIRECTORY === undefined) beforeEach((context) => context.skip("LAYERFS_FIXTURES names no directory of fixtures"));
}

export function fixturePath(...parts: string[]): string {
  return join(DIRECTORY ?? "/nonexistent", ...parts);
}

export function readFixture(...parts: string[]): Buffer {
  return readFileSync(fixturePath(...parts));
}

/** Names of the fixtures in a directory; without fixtures one row, so that a table has a test to skip. */
export function fixtureNames(...parts: string[]): string[] {
  return DIRECTORY === undefined ? ["(none)"] : readdirSync(fixturePath(...parts)).sort();
}
