import { describe, expect, it } from "vitest";
import { digestOf, parseDigest } from "./digest.ts";
import { verified } from "./verified.ts";

const DIGEST = digestOf("abcdef");

async function* chunks(): AsyncGenerator<Buffer> {
  for (const text of ["abc", "", "def"]) yield Buffer.from(text);
}

async function read(source: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of source) text += chunk.toString();
  return text;
}

describe("verified bytes", () => {
  it.each([6, undefined])("are the same bytes (size %s)", async (size) => {
    expect(await read(verified(chunks(), { digest: DIGEST, size }, "blob"))).toBe("abcdef");
  });

  it("may be named by SHA-512", async () => {
    const digest = parseDigest(
      "sha512:e32ef19623e8ed9d267f657a81944b3d07adbb768518068e88435745564e8d4150a0a703be2a7d88b61e3d390c2bb97e2d4c311fdc69d6b1267f05f59aa920e7",
    );
    expect(await read(verified(chunks(), { digest }, "blob"))).toBe("abcdef");
  });

  it.each([
    [5, "blob DIGEST: it has more than 5 bytes"],
    [7, "blob DIGEST: expected 7 bytes, found 6"],
  ])("are refused where there should be %s", async (size, message) => {
    await expect(read(verified(chunks(), { digest: DIGEST, size }, "blob"))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: message.replace("DIGEST", DIGEST),
    });
  });

  it("are refused where they have another digest, which is named", async () => {
    await expect(read(verified(chunks(), { digest: digestOf("other") }, "layer"))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: `layer ${digestOf("other")}: its bytes have the digest ${DIGEST}`,
    });
  });
});
