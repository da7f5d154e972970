import { describe, expect, it } from "vitest";
import type { Descriptor } from "../core/descriptor.ts";
import { digestOf } from "../core/digest.ts";
import { MEDIA_TYPE } from "../core/media-types.ts";
import { parsePlatform } from "../core/platform.ts";
import type { Documents } from "./documents.ts";
import { selectManifest } from "./select-manifest.ts";

const MIB = 1024 * 1024;

describe("selectManifest", () => {
  it("reads no more bytes of indexes than fit well in memory", async () => {
    const inner = Array.from({ length: 40 }, (_, number) =>
      index([], { annotations: { number: String(number), padding: "x".repeat(MIB) } }),
    );
    const outer = index(inner.map(descriptorOf));
    const all = new Map([outer, ...inner].map((bytes) => [digestOf(bytes), bytes]));
    let read = 0;
    const documents: Documents = {
      title: "a place",
      remedy: "",
      read: async ({ digest }) => {
        const bytes = all.get(digest)!;
        read += bytes.length;
        return bytes;
      },
    };
    await expect(selectManifest(documents, descriptorOf(outer), parsePlatform("linux/amd64"))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: `a place: index ${digestOf(outer)}: expected at most ${16 * MIB} bytes of indexes`,
    });
    expect(read).toBeLessThan(18 * MIB);
  });
});

function index(manifests: readonly Descriptor[], more = {}): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, ...more }));
}

function descriptorOf(bytes: Buffer): Descriptor {
  return { mediaType: MEDIA_TYPE.ociIndex, digest: digestOf(bytes), size: bytes.length };
}
