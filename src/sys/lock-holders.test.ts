import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryLock } from "./lock.ts";
import { lockHolders } from "./lock-holders.ts";

it("names the process that holds a lock, once, and nobody when it is free", () => {
  const path = join(scratchDirectory(), "lock");
  writeFileSync(path, "");
  expect(lockHolders(path)).toEqual([]);
  {
    using _first = tryLock(path, "shared");
    using _second = tryLock(path, "shared");
    expect(lockHolders(path)).toEqual([process.pid]);
  }
  expect(lockHolders(path)).toEqual([]);
});
