import { describe, expect, it } from "vitest";
import { EACCES, EINVAL, EPERM } from "../sys/errno.ts";
import { mountFailure } from "./failure.ts";

describe("mountFailure", () => {
  it.each([EPERM, EACCES])("is PERMISSION for errno %i, and tells how to read an image without mounting", (errno) => {
    expect(mountFailure("an overlay", "/mnt", { errno, message: "" })).toMatchObject({
      code: "PERMISSION",
      hint: expect.stringContaining("layerfs ls"),
    });
  });

  it("has the kernel's words otherwise", () => {
    expect(mountFailure("an overlay", "/mnt", { errno: EINVAL, message: "overlay: no" })).toMatchObject({
      code: "MOUNT_FAILED",
      errno: "EINVAL",
      hint: undefined,
      message: "cannot mount an overlay on /mnt: EINVAL, overlay: no",
    });
  });
});
