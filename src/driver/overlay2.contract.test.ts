import { afterAll, beforeAll, describe } from "vitest";
import { driverContract } from "../../test/contract/driver.ts";
import {
  type FileSystemKind,
  fileSystem,
  makeFileSystem,
  overlay,
  type TestFileSystem,
} from "../../test/support/filesystems.ts";
import { overlay2 } from "./overlay2.ts";

const KINDS: readonly FileSystemKind[] = ["tmpfs", "ext4", "xfs", "btrfs"];

describe.each(KINDS)("on %s", (kind) => {
  const missing = overlay() ?? fileSystem(kind);
  let made: TestFileSystem | undefined;

  beforeAll(() => {
    if (missing === null) made = makeFileSystem(kind);
  });
  afterAll(() => made?.[Symbol.dispose]());

  driverContract("overlay2", { open: overlay2.open, parent: () => made?.directory ?? "", needs: [missing] });
});
