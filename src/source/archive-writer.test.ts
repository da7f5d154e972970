import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { digestOf } from "../core/digest.ts";
import { encodeOciManifest } from "../core/encode-oci-manifest.ts";
import { MEDIA_TYPE } from "../core/media-types.ts";
import { parseReference } from "../core/reference.ts";
import { archiveWriter } from "./archive-writer.ts";
import { streamOutput } from "./output.ts";

const layer = Buffer.alloc(1024);
const config = Buffer.from("{}");

/** The document `repositories` of an archive with one image. */
async function repositoriesOf(names: readonly string[]): Promise<unknown> {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  await using archive = archiveWriter(streamOutput(stream), { form: "docker", name: null });
  const described = (bytes: Buffer, mediaType: string) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = encodeOciManifest(described(config, MEDIA_TYPE.ociConfig), [described(layer, MEDIA_TYPE.ociLayer)]);
  await archive.putManifest(manifest, {});
  const descriptor = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.length };
  const diffIDs = [digestOf(layer)];
  await archive.commit([{ descriptor, names: names.map(parseReference), diffIDs }], {});
  const text = Buffer.concat(chunks).toString("latin1");
  return JSON.parse(/\{[^\0]*/.exec(text.slice(text.lastIndexOf("repositories\0")))?.[0] ?? "null");
}

describe("repositories, in an archive of Docker's form", () => {
  const top = digestOf(layer).slice("sha256:".length);

  it("has a tag beside a tag", async () => {
    expect(await repositoriesOf(["nginx:1", "nginx:2"])).toEqual({ nginx: { 1: top, 2: top } });
  });

  it("has a repository and a tag that are named as what every object of JavaScript has", async () => {
    const found = await repositoriesOf(["constructor:x", "nginx:__proto__"]);
    expect(JSON.stringify(found)).toBe(`{"constructor":{"x":"${top}"},"nginx":{"__proto__":"${top}"}}`);
    expect(Object.keys(Object)).toEqual([]);
  });
});
