import { describe, expect, it } from "vitest";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { digestOf } from "../../core/digest.ts";
import { parseReference } from "../../core/reference.ts";
import { registryDestination } from "./registry-destination.ts";

describe("a tag of a registry", () => {
  it("is not said to be set for what was put as a blob, not as a manifest", async () => {
    const reference = parseReference("127.0.0.1:1/lab/a:1") as Parameters<typeof registryDestination>[0];
    await using destination = registryDestination(reference, { registries: QUIET_SETTINGS });
    const descriptor = { mediaType: "application/vnd.example", digest: digestOf(Buffer.from("{}")), size: 2 };
    await expect(destination.commit([{ descriptor, names: [] }], {})).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: `docker://127.0.0.1:1/lab/a:1: ${descriptor.digest} is neither a manifest nor an index, but application/vnd.example`,
    });
  });
});
