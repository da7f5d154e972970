import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isLayerfsError, type LayerfsError } from "../../src/core/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import {
  configWith,
  flip,
  headerOffsets,
  manifestOf,
  packParts,
  partsOf,
  replaced,
  smallImage,
} from "../support/damage.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { archiveFiles, buildConfig, dockerArchive, packArchive, sha256 } from "../support/image-builder.ts";
import { randomOf } from "../support/random.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";

const image = smallImage("bad:1", "bad");
const other = smallImage("other:1", "other");
const parts = partsOf(image);
const { id, diffIDs } = buildConfig(image);
const blobs = archiveFiles([image]);
const plain = dockerArchive([image]);
/** The lowest one is in the store already, and so is not read again. */
const middle = image.layers[1]!;
const random = randomOf("bad input");

interface Damage {
  readonly name: string;
  readonly archive: Buffer;
  readonly code: string;
  /** Words that the message, or the hint, must have. */
  readonly words: readonly (string | RegExp)[];
}

const blobPath = (bytes: Buffer): string => `blobs/sha256/${sha256(bytes)}`;
const without = (path: string): Buffer => packArchive(new Map([...blobs].filter(([name]) => name !== path)));
const withBlob = (path: string, bytes: Buffer): Buffer => packArchive(new Map([...blobs, [path, bytes]]));
const configPath = `blobs/sha256/${id.slice("sha256:".length)}`;
const damagedMiddle = flip(middle, 1200);

const DAMAGES: readonly Damage[] = [
  {
    name: "no manifest.json",
    archive: without("manifest.json"),
    code: "INVALID_ARCHIVE",
    words: ["bad.tar", "manifest.json", "docker save"],
  },
  {
    name: "a manifest.json that is no JSON",
    archive: packParts({ ...parts, manifest: Buffer.from("[{]") }),
    code: "INVALID_ARCHIVE",
    words: ["manifest.json", "JSON"],
  },
  {
    name: "a manifest.json of another shape",
    archive: packParts({ ...parts, manifest: Buffer.from('[{"Config":7}]') }),
    code: "INVALID_ARCHIVE",
    words: ["manifest.json", "Config"],
  },
  {
    name: "a manifest.json that is too large",
    archive: packParts({ ...parts, manifest: Buffer.alloc(5 << 20, " ") }),
    code: "INVALID_ARCHIVE",
    words: ["manifest.json", "at most", String(5 << 20)],
  },
  {
    name: "no layer",
    archive: without(blobPath(middle)),
    code: "INVALID_ARCHIVE",
    words: ["bad.tar", blobPath(middle), "save the image again"],
  },
  {
    name: "no config",
    archive: without(configPath),
    code: "INVALID_ARCHIVE",
    words: ["bad.tar", configPath, "save the image again"],
  },
  {
    name: "a layer too few",
    archive: packParts({ ...parts, manifest: manifestOf(image, 2) }),
    code: "INVALID_ARCHIVE",
    words: ["each of its 3 diff_ids", "found 2"],
  },
  {
    name: "a layer too many",
    archive: packParts({ ...parts, layers: [...parts.layers, middle], manifest: manifestOf(image, 4) }),
    code: "INVALID_ARCHIVE",
    words: ["each of its 3 diff_ids", "found 4"],
  },
  {
    name: "a config that is no JSON",
    archive: packParts({ ...parts, config: Buffer.from("not a config") }),
    code: "INVALID_CONFIG",
    words: ["config"],
  },
  {
    name: "a config under the digest of another",
    archive: withBlob(configPath, buildConfig(other).config),
    code: "DIGEST_MISMATCH",
    words: [id, buildConfig(other).id, "save the image again"],
  },
  {
    name: "a flipped byte in the config",
    archive: withBlob(configPath, flip(buildConfig(image).config, 40)),
    code: "DIGEST_MISMATCH",
    words: [id, "config"],
  },
  {
    name: "the config of another image",
    archive: packParts({ ...parts, config: buildConfig(other).config }),
    code: "DIGEST_MISMATCH",
    words: ["layer sha256:", "diffID", "expected"],
  },
  {
    name: "diffIDs in the wrong order",
    archive: packParts({ ...parts, config: configWith(image, ([a, b, c]) => [b!, a!, c!]) }),
    code: "DIGEST_MISMATCH",
    words: [diffIDs[0]!, diffIDs[1]!, "expected"],
  },
  {
    name: "a wrong diffID of the topmost layer",
    archive: packParts({ ...parts, config: configWith(image, ([a, b]) => [a!, b!, `sha256:${"0".repeat(64)}`]) }),
    code: "DIGEST_MISMATCH",
    words: [diffIDs[2]!, "0".repeat(64), "fetch it again"],
  },
  {
    name: "a flipped byte in a file of a layer",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, damagedMiddle) }),
    code: "DIGEST_MISMATCH",
    words: [diffIDs[1]!, `sha256:${sha256(damagedMiddle)}`, "expected"],
  },
  {
    name: "a flipped byte in a layer that is named by its digest",
    archive: withBlob(blobPath(middle), damagedMiddle),
    code: "DIGEST_MISMATCH",
    words: [diffIDs[1]!, `sha256:${sha256(damagedMiddle)}`],
  },
  {
    name: "a flipped byte in the header of a layer's file",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, flip(parts.layers[1]!, 512 + 5)) }),
    code: "INVALID_TAR",
    words: [diffIDs[1]!, "byte 512", "checksum"],
  },
  {
    name: "a layer that is no tar",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, Buffer.alloc(2000, "no tar")) }),
    code: "INVALID_TAR",
    words: [diffIDs[1]!],
  },
  {
    name: "an empty layer in place of a full one",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 2, Buffer.alloc(1024)) }),
    code: "DIGEST_MISMATCH",
    words: [diffIDs[2]!],
  },
  {
    name: "a layer that is cut off",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, middle.subarray(0, 1300)) }),
    code: "INVALID_TAR",
    words: [diffIDs[1]!, "ends in the middle"],
  },
  {
    name: "a gzip layer that is cut off",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, gzipSync(middle).subarray(0, -20)) }),
    code: "INVALID_COMPRESSION",
    words: [diffIDs[1]!, "gzip"],
  },
  {
    name: "a zstd layer with a flipped byte",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, flip(zstdCompressSync(middle), 9)) }),
    code: "INVALID_COMPRESSION",
    words: [diffIDs[1]!, "zstd"],
  },
  {
    name: "a layer compressed with bzip2",
    archive: packParts({ ...parts, layers: replaced(parts.layers, 1, Buffer.from("BZh91AY&SY0000000")) }),
    code: "UNSUPPORTED",
    words: [diffIDs[1]!, "bzip2"],
  },
  {
    name: "an image of another system",
    archive: dockerArchive([{ ...image, config: { os: "windows" } }]),
    code: "UNSUPPORTED",
    words: ["windows"],
  },
  { name: "nothing", archive: Buffer.alloc(0), code: "INVALID_ARCHIVE", words: ["bad.tar", "empty"] },
  { name: "text", archive: Buffer.from("hello".repeat(300)), code: "INVALID_TAR", words: ["bad.tar"] },
];

/** What may come of an archive that is cut off somewhere. */
const CUT = ["INVALID_TAR", "INVALID_ARCHIVE", "INVALID_COMPRESSION"];

describe.each(["overlay2", "vfs"] as const)("a bad archive, %s", (driver) => {
  const missing = requires(overlay(), fileSystem("ext4"));
  let place: TestFileSystem;
  let root: string;
  let engine: Engine;
  let before: string[];
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4");
    root = join(place.directory, "root");
    engine = await openEngine({ root, driver });
    // It shares a layer with what fails, and has the name that what fails would take.
    await engine.load({
      file: archiveFile(dockerArchive([{ ...image, layers: [image.layers[0]!, other.layers[1]!] }])),
    });
    before = filesIn(root);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  const archiveFile = (bytes: Buffer): string => {
    const file = join(place.directory, "bad.tar");
    writeFileSync(file, bytes);
    return file;
  };
  const refusal = async (bytes: Buffer): Promise<LayerfsError> => {
    const outcome = await engine.load({ file: archiveFile(bytes) }).catch((error: unknown) => error);
    if (!isLayerfsError(outcome)) {
      await engine.removeImage(id, { force: true }).catch(() => {});
      throw new Error(`expected a LayerfsError, found ${JSON.stringify(outcome)}`, { cause: outcome });
    }
    expect(filesIn(root)).toEqual(before);
    return outcome;
  };

  it.each(DAMAGES.map((damage) => [damage.name, damage] as const))("with %s is refused", async (_, damage) => {
    const { code, message, hint } = await refusal(damage.archive);
    const text = `${message}\n${hint ?? ""}`;
    expect(`${code} ${text}`).toMatch(new RegExp(`^${damage.code} `));
    for (const word of damage.words) expect(text).toMatch(word);
    expect(scanStore(root, driver)).toEqual([]);
  });

  const cuts = [
    ...headerOffsets(plain).flatMap((offset) => [offset, offset + 512, offset + 700]),
    ...offsets(plain, 20),
  ];
  it.each([
    ["plain", plain, cuts],
    ["gzip", gzipSync(plain), offsets(gzipSync(plain), 25)],
    ["zstd", zstdCompressSync(plain), offsets(zstdCompressSync(plain), 25)],
  ] as const)("that is %s and cut off anywhere is refused", async (_, bytes, at) => {
    for (const offset of at) {
      if (bytes === plain && offset >= plain.length - 1024) continue;
      const { code, message } = await refusal(bytes.subarray(0, offset));
      expect(CUT, `${offset}: ${message}`).toContain(code);
      expect(message).toContain("bad.tar");
    }
    expect(scanStore(root, driver)).toEqual([]);
  });

  it("whose gzip layer is cut off anywhere is refused", async () => {
    const layer = gzipSync(parts.layers[1]!);
    for (const offset of offsets(layer, 25)) {
      const { code, message } = await refusal(
        packParts({ ...parts, layers: replaced(parts.layers, 1, layer.subarray(0, offset)) }),
      );
      expect([...CUT, "DIGEST_MISMATCH"], `${offset}: ${message}`).toContain(code);
      expect(message).toContain(diffIDs[1]);
    }
    expect(scanStore(root, driver)).toEqual([]);
  });

  it("with a flipped byte anywhere is refused, or what it holds is right all the same", async () => {
    for (const offset of offsets(plain, 60)) {
      const outcome = await engine.load({ file: archiveFile(flip(plain, offset)) }).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(isLayerfsError(outcome), `${offset}: ${outcome.stack}`).toBe(true);
      } else {
        expect(outcome).toMatchObject([{ id }]);
        await engine.removeImage(id, { force: true });
        await engine.load({
          file: archiveFile(dockerArchive([{ ...image, layers: [image.layers[0]!, other.layers[1]!] }])),
        });
      }
      expect(scanStore(root, driver)).toEqual([]);
    }
  });

  it("may lack its end marker", async () => {
    await engine.load({ file: archiveFile(plain.subarray(0, -1024)) });
    expect(scanStore(root, driver)).toEqual([]);
  });
});

/** The last bytes, the first and some between. */
function offsets(bytes: Buffer, count: number): number[] {
  const some = Array.from({ length: count }, () => Math.floor(random.fraction() * bytes.length));
  return [1, 3, 11, ...some, bytes.length - 9, bytes.length - 5, bytes.length - 1];
}

/** What lies in the data root, with sizes. */
function filesIn(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => `${name} ${statSync(join(root, name), { throwIfNoEntry: false })?.size}`);
}
