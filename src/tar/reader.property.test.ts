import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blocks, headerBlock, member, readArchive } from "../../test/support/tar.ts";
import { LayerfsError } from "../core/errors.ts";
import { formatPaxRecord } from "./pax.ts";
import { END_OF_ARCHIVE } from "./writer.ts";

const anyBytes = fc.uint8Array({ maxLength: 1200 }).map((bytes) => Buffer.from(bytes));
const anyName = fc.stringMatching(/^[a-z/]{1,30}$/);
const anyFormat = fc.constantFrom("v7" as const, "ustar" as const, "gnu" as const);
const octal = (value: number): string => value.toString(8).padStart(11, "0");

const file = fc.tuple(anyFormat, anyName, anyBytes).map(([format, name, content]) => member(format, { name }, content));
const node = fc
  .tuple(anyFormat, anyName, fc.constantFrom("1", "2", "3", "5", "6"))
  .map(([format, name, typeflag]) => headerBlock(format, { name, typeflag, linkname: name }));
const longNamed = fc
  .tuple(fc.constantFrom("L", "K"), anyName)
  .map(([typeflag, name]) => Buffer.concat([member("gnu", { typeflag }, `${name}\0`), headerBlock("gnu", {})]));
const extended = fc.tuple(fc.constantFrom("x", "g"), anyName, anyBytes, file).map(([typeflag, path, value, next]) => {
  const records = [formatPaxRecord("path", path), formatPaxRecord("SCHILY.xattr.user.a", value)];
  return Buffer.concat([member("ustar", { typeflag }, Buffer.concat(records)), next]);
});
const anyRuns = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 700 })), { minLength: 1, maxLength: 4 })
  .map((gaps) => {
    let end = 0;
    return gaps.map(([gap, length]) => {
      const run = [end + gap, length] as const;
      end += gap + length;
      return run;
    });
  });
const sparse = fc.tuple(anyRuns, fc.boolean()).map(([runs, old]) => {
  const data = Buffer.concat(runs.map(([, length], i) => Buffer.alloc(length, `${i}`)));
  const size = runs.at(-1)![0] + runs.at(-1)![1];
  if (!old) {
    const map = blocks(`${runs.length}\n${runs.flat().join("\n")}\n`);
    const records = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": String(size) };
    const header = Buffer.concat(Object.entries(records).map(([key, value]) => formatPaxRecord(key, value)));
    return Buffer.concat([member("ustar", { typeflag: "x" }, header), member("ustar", {}, Buffer.concat([map, data]))]);
  }
  const header = headerBlock("gnu", { typeflag: "S", size: octal(data.length) }, (block) => {
    for (const [i, [offset, length]] of runs.entries()) block.write(`${octal(offset)} ${octal(length)} `, 386 + 24 * i);
    block.write(octal(size), 483);
  });
  return Buffer.concat([header, blocks(data)]);
});
const anyArchive = fc
  .tuple(fc.array(fc.oneof(file, node, longNamed, extended, sparse), { maxLength: 6 }), fc.boolean(), anyBytes)
  .map(([parts, ended, junk]) => Buffer.concat([...parts, ...(ended ? [END_OF_ARCHIVE, junk] : [])]));

function cutAt(bytes: Buffer, points: readonly number[]): Buffer[] {
  const inside = points.map((point) => point % (bytes.length + 1)).toSorted((a, b) => a - b);
  const ends = [...inside, bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

describe("tarReader", () => {
  it("hands on every byte once and in order, and the same entries however the archive is cut", () => {
    fc.assert(
      fc.property(anyArchive, fc.array(fc.nat(), { maxLength: 40 }), (archive, points) => {
        const whole = readArchive(archive);
        expect(whole.bytes.equals(archive)).toBe(true);
        expect(readArchive(...cutAt(archive, points))).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  it("gives the same for an archive that comes byte by byte", () => {
    fc.assert(
      fc.property(anyArchive, (archive) => {
        expect(readArchive(...Array.from(archive, (byte) => Buffer.of(byte)))).toEqual(readArchive(archive));
      }),
      { numRuns: 20 },
    );
  });

  const mutation = fc.record({ at: fc.nat(), length: fc.integer({ min: 1, max: 12 }), byte: fc.nat({ max: 255 }) });
  it("reads a damaged archive or refuses it with a LayerfsError", () => {
    fc.assert(
      fc.property(
        anyArchive,
        fc.array(mutation, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        (archive, mutations, cut) => {
          const damaged = Buffer.from(archive);
          for (const { at, length, byte } of mutations) {
            const start = at % (damaged.length + 1);
            damaged.fill(byte, start, Math.min(damaged.length, start + length));
          }
          fixChecksums(damaged);
          expectReadOrRefused(damaged.subarray(0, damaged.length - (cut % 600)));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("reads arbitrary bytes or refuses them with a LayerfsError", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => expectReadOrRefused(Buffer.from(bytes))));
  });
});

function expectReadOrRefused(bytes: Buffer): void {
  try {
    expect(readArchive(bytes).bytes.equals(bytes)).toBe(true);
  } catch (error) {
    expect(error).toBeInstanceOf(LayerfsError);
    expect(["INVALID_TAR", "LIMIT_EXCEEDED"]).toContain((error as LayerfsError).code);
    expect((error as LayerfsError).message).toMatch(/at byte \d+/);
  }
}

/** Makes the checksum of everything that looks like a header right again, or damage would never get past it. */
function fixChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(" ", 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  }
}
