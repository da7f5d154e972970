import { createHash, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { threadedSha256 } from "./threaded-hash.ts";

it.each([[[]], [[0]], [[1, 63, 64, 65]], [[1_000_000, 7, 524_288]]])(
  "hashes pieces of %j bytes as node:crypto does",
  async (sizes) => {
    const pieces = sizes.map((size) => randomBytes(size));
    using hash = threadedSha256();
    for (const piece of pieces) await hash.update(piece);
    expect(hash.hex()).toBe(createHash("sha256").update(Buffer.concat(pieces)).digest("hex"));
  },
);

it("keeps several apart that run at the same time", async () => {
  const pieces = [randomBytes(100_000), randomBytes(200_000), randomBytes(300_000)];
  const digests = await Promise.all(
    pieces.map(async (piece) => {
      using hash = threadedSha256();
      await hash.update(piece);
      return hash.hex();
    }),
  );
  expect(digests).toEqual(pieces.map((piece) => createHash("sha256").update(piece).digest("hex")));
});
