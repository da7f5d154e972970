import { describe, expect, it } from "vitest";
import { tooOldMessage } from "./node-version.ts";

describe("tooOldMessage", () => {
  it.each(["22.18.0", "22.19.1", "24.0.0-nightly", "100.0.0"])("accepts Node.js %s", (version) => {
    expect(tooOldMessage(version)).toBeNull();
  });

  it.each(["22.17.9", "20.20.2", "9.0.0"])("names what is expected where Node.js is %s", (version) => {
    expect(tooOldMessage(version)).toContain(`layerfs: Node.js is ${version}, expected 22.18 or later\n`);
  });
});
