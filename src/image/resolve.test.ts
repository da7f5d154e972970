import { beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { parseConfig } from "../core/config.ts";
import { type Digest, digestHex } from "../core/digest.ts";
import { parseReference } from "../core/reference.ts";
import { prepareImageDb, writeImageConfig } from "./image-db.ts";
import { type ImageLayout, imageLayout } from "./layout.ts";
import { type Repositories, withName, writeRepositories } from "./repositories.ts";
import { resolveImage } from "./resolve.ts";

let layout: ImageLayout;
let ids: Digest[];

function addImage(layer: number): Digest {
  const config = parseConfig(
    Buffer.from(JSON.stringify({ author: String(layer), rootfs: { type: "layers", diff_ids: [] } })),
  );
  writeImageConfig(layout, config);
  return config.digest;
}

function name(entries: Readonly<Record<string, Digest>>): void {
  const none: Repositories = new Map();
  const named = Object.entries(entries).reduce((all, [text, id]) => withName(all, parseReference(text), id), none);
  writeRepositories(layout, named);
}

beforeEach(() => {
  layout = imageLayout(scratchDirectory(), "overlay2");
  prepareImageDb(layout);
  ids = Array.from({ length: 40 }, (_, index) => addImage(index));
});

describe("the image that a user's word names", () => {
  it("adds the tag latest", () => {
    name({ "nginx:latest": ids[0] as Digest });
    expect(resolveImage(layout, "nginx")).toEqual({
      id: ids[0],
      tag: { repository: "nginx", name: "nginx:latest", id: ids[0] },
    });
  });

  it("takes a whole id and the beginning of one", () => {
    const id = ids[3] as Digest;
    expect(resolveImage(layout, id)).toEqual({ id, tag: null });
    expect(resolveImage(layout, digestHex(id))).toEqual({ id, tag: null });
    expect(resolveImage(layout, digestHex(id).slice(0, 12))).toEqual({ id, tag: null });
    expect(resolveImage(layout, `sha256:${digestHex(id).slice(0, 12)}`)).toEqual({ id, tag: null });
  });

  it("prefers a name to the beginning of an id", () => {
    const prefix = digestHex(ids[3] as Digest).slice(0, 12);
    name({ [`${prefix}:latest`]: ids[5] as Digest });
    expect(resolveImage(layout, prefix).id).toBe(ids[5]);
  });

  it("refuses the beginning of several ids", () => {
    const firsts = ids.map((id) => digestHex(id).slice(0, 1));
    const shared = firsts.find((digit, index) => firsts.indexOf(digit) !== index) as string;
    expect(() => resolveImage(layout, shared)).toThrow(expect.objectContaining({ code: "AMBIGUOUS" }));
  });

  it.each([
    ["nosuch", "nosuch:latest"],
    ["nosuch:tag", "nosuch:tag"],
    ["0123456789ab0123", "0123456789ab0123:latest"],
    [`sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`],
  ])("does not find %s, and says in Docker's words what it looked for", (text, wanted) => {
    expect(() => resolveImage(layout, text)).toThrow(
      expect.objectContaining({ code: "NOT_FOUND", message: `No such image: ${wanted}` }),
    );
  });

  it("lets the digest decide where a name has tag and digest", () => {
    const manifest = `sha256:${"1".repeat(64)}`;
    name({ "x:1": ids[0] as Digest, [`x@${manifest}`]: ids[1] as Digest });
    expect(resolveImage(layout, `x:1@${manifest}`).id).toBe(ids[1]);
  });
});
