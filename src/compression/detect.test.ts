import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Compression, detectCompression } from "./detect.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

describe("detectCompression", () => {
  it.each<[string, Buffer, Compression]>([
    ["gzip", gzipSync("x"), "gzip"],
    ["zstd", zstdCompressSync("x"), "zstd"],
    ["zstd behind a skippable frame", bytes("5f2a4d18 00000000"), "zstd"],
    ["xz", bytes("fd377a585a00 0004"), "xz"],
    ["bzip2", bytes("425a6839 314159265359"), "bzip2"],
    ["bzip2 of nothing", bytes("425a6839 177245385090"), "bzip2"],
    ["a tar whose first file is named BZh9", Buffer.from("BZh9/file\0\0\0"), "none"],
    ["nothing", Buffer.alloc(0), "none"],
    ["one byte", bytes("1f"), "none"],
    ["a tar", Buffer.from("etc/passwd\0\0"), "none"],
    ["zeros", Buffer.alloc(512), "none"],
  ])("tells %s", (_, input, expected) => {
    expect(detectCompression(input)).toBe(expected);
  });
});
