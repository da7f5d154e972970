import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { END_OF_ARCHIVE, encodeHeader, type HeaderFields, padding } from "../../src/tar/writer.ts";
import { expand, type ReadMember, readArchive } from "../support/tar.ts";

const LONG_NAME = `${"directory/".repeat(14)}${"n".repeat(180)}`;
const SPARSE_SIZE = 3_000_000;
const HOLES_EVERY = 100_000;

let scratch: string;
let tree: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "layerfs-gnu-tar-"));
  tree = join(scratch, "tree");
  mkdirSync(join(tree, "directory/".repeat(14)), { recursive: true });
  writeFileSync(join(tree, "plain"), "content", { mode: 0o640 });
  linkSync(join(tree, "plain"), join(tree, "second name"));
  symlinkSync("plain", join(tree, "link"));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from("gr\xfcn", "latin1")]), "not UTF-8");
  writeFileSync(join(scratch, "names"), Buffer.from("gr\xfcn\n", "latin1"));
  writeSparse(join(tree, "sparse"));
  writeSparse(join(tree, "longer"), 1234);
  utimesSync(join(tree, "plain"), 5, 1_600_000_000);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(["v7", "ustar", "oldgnu", "gnu", "posix"])("an archive of GNU tar in format %s", (format) => {
  it("is read as it was written", () => {
    const members = pack(`--format=${format}`, "plain", "second name", "link");
    const stat = lstatSync(join(tree, "plain"));
    expect(members.get("plain")?.entry).toMatchObject({
      kind: "file",
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: { seconds: 1_600_000_000, nanoseconds: 0 },
    });
    expect(expand(members.get("plain")!).toString()).toBe("content");
    expect(members.get("second name")?.entry).toMatchObject({ kind: "hardlink", linkname: Buffer.from("plain") });
    expect(members.get("link")?.entry).toMatchObject({ kind: "symlink", linkname: Buffer.from("plain") });
  });

  it("keeps names as bytes", () => {
    const members = pack(`--format=${format}`, `--files-from=${join(scratch, "names")}`);
    expect(expand(members.get("gr\xfcn")!).toString()).toBe("not UTF-8");
  });
});

describe.each([
  ["the old format", ["--format=gnu", "--sparse"]],
  ["PAX 0.0", ["--format=posix", "--sparse", "--sparse-version=0.0"]],
  ["PAX 0.1", ["--format=posix", "--sparse", "--sparse-version=0.1"]],
  ["PAX 1.0", ["--format=posix", "--sparse", "--sparse-version=1.0"]],
])("a sparse file of GNU tar in %s", (_, options) => {
  it.each(["sparse", "longer"])("is read with its holes: %s", (name) => {
    const member = pack(...options, name, "plain").get(name)!;
    expect(member.entry.sparse?.length).toBeGreaterThan(20);
    expect(member.entry.payloadSize).toBeLessThan(member.entry.size / 2);
    expect(expand(member).equals(readFileSync(join(tree, name)))).toBe(true);
  });
});

describe.each(["gnu", "posix"])("what format %s adds", (format) => {
  it("is a long name", () => {
    writeFileSync(join(tree, LONG_NAME), "far away");
    expect(expand(pack(`--format=${format}`, LONG_NAME).get(LONG_NAME)!).toString()).toBe("far away");
  });

  it.each([-5, -1_000_000_000, 2 ** 34])("is the time %i", (seconds) => {
    const members = pack(`--format=${format}`, `--mtime=@${seconds}`, "plain");
    expect(members.get("plain")?.entry.mtime).toEqual({ seconds, nanoseconds: 0 });
  });

  it("is an owner beyond 2^21", () => {
    const members = pack(`--format=${format}`, "--owner=u:3000000000", "--group=g:4000000000", "plain");
    expect(members.get("plain")?.entry).toMatchObject({
      uid: 3_000_000_000,
      gid: 4_000_000_000,
      uname: "u",
      gname: "g",
    });
  });
});

it("reads the nanoseconds of format posix", () => {
  const entry = pack("--format=posix", "--mtime=1969-12-31 23:59:58.123456789Z", "plain").get("plain")?.entry;
  expect(entry?.mtime).toEqual({ seconds: -2, nanoseconds: 123_456_789 });
});

it("reads a volume label and a dumpdir as unknown entries, and what follows them", () => {
  const members = pack(
    "--format=gnu",
    "--label=volume",
    `--listed-incremental=${join(scratch, "snapshot")}`,
    "directory",
    "plain",
  );
  expect([...members.values()].slice(0, 2).map(({ entry }) => [entry.typeflag, entry.kind])).toEqual([
    ["V", "unknown"],
    ["D", "unknown"],
  ]);
  expect(expand(members.get("plain")!).toString()).toBe("content");
});

describe("GNU tar reading an archive of ours", () => {
  const plain = { mode: 0o640, uid: 12, gid: 34, mtime: { seconds: 1_600_000_000, nanoseconds: 0 } };
  const name = (text: string): Buffer => Buffer.from(text, "latin1");

  it("lists every kind of entry without a complaint", () => {
    const archive = write([
      [{ ...plain, kind: "directory", name: name("d") }],
      [{ ...plain, kind: "file", name: name("d/f"), uname: "user", gname: "group" }, "content"],
      [{ ...plain, kind: "hardlink", name: name("d/h"), linkname: name("d/f") }],
      [{ ...plain, kind: "symlink", name: name("d/s"), linkname: name("t".repeat(150)) }],
      [{ ...plain, kind: "char", name: name("d/c"), devmajor: 5, devminor: 1 }],
      [{ ...plain, kind: "block", name: name("d/b"), devmajor: 259, devminor: 70_000 }],
      [{ ...plain, kind: "fifo", name: name("d/p"), uid: 3_000_000_000 }],
    ]);
    expect(listing(archive)).toEqual([
      "drw-r----- 12/34 0 2020-09-13 12:26:40 d/",
      "-rw-r----- user/group 7 2020-09-13 12:26:40 d/f",
      "hrw-r----- 12/34 0 2020-09-13 12:26:40 d/h link to d/f",
      `lrw-r----- 12/34 0 2020-09-13 12:26:40 d/s -> ${"t".repeat(150)}`,
      "crw-r----- 12/34 5,1 2020-09-13 12:26:40 d/c",
      "brw-r----- 12/34 259,70000 2020-09-13 12:26:40 d/b",
      "prw-r----- 3000000000/34 0 2020-09-13 12:26:40 d/p",
    ]);
  });

  it("unpacks names, links, contents and times as they were given", () => {
    const target = join(scratch, "unpacked");
    mkdirSync(target);
    const mtime = { seconds: -3, nanoseconds: 250_000_000 };
    const archive = write([
      [{ ...plain, kind: "file", name: name(LONG_NAME), mtime }, "far away"],
      [{ ...plain, kind: "file", name: Buffer.from("größe") }, "umlaut"],
      [{ ...plain, kind: "file", name: name("gr\xfcn") }, "not UTF-8"],
      [{ ...plain, kind: "symlink", name: name("link"), linkname: name("gr\xfcn/".repeat(30)) }],
    ]);
    tar(["-x", "--no-same-owner", "--warning=no-timestamp", "-f", "-", "-C", target], archive);
    expect(readFileSync(join(target, LONG_NAME), "utf8")).toBe("far away");
    expect(lstatSync(join(target, LONG_NAME), { bigint: true }).mtimeNs).toBe(-2_750_000_000n);
    expect(readFileSync(join(target, "größe"), "utf8")).toBe("umlaut");
    expect(readFileSync(Buffer.concat([Buffer.from(`${target}/`), name("gr\xfcn")]), "utf8")).toBe("not UTF-8");
    expect(readlinkSync(join(target, "link"), "buffer").toString("latin1")).toBe("gr\xfcn/".repeat(30));
  });

  it("sees extended attributes, binary ones too", () => {
    const xattrs = new Map([
      ["user.a", Buffer.from("text")],
      ["security.capability", Buffer.from([1, 0, 0, 2, 10, 61])],
    ]);
    const archive = write([[{ ...plain, kind: "file", name: name("f"), xattrs }, "x"]]);
    const lines = tar(["-tvv", "--xattrs", "--xattrs-include=*", "-f", "-"], archive).toString();
    expect(lines).toMatch(/x: 4 user\.a/);
    expect(lines).toMatch(/x: 6 security\.capability/);
  });
});

function tar(options: readonly string[], input?: Buffer): Buffer {
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC", TAR_OPTIONS: "" };
  return execFileSync("tar", options, { cwd: tree, env, input, stdio: [input ? "pipe" : "ignore", "pipe", "inherit"] });
}

/** What GNU tar packs of the tree with these options, by name as latin1. */
function pack(...options: string[]): Map<string, ReadMember> {
  const archive = tar(["-c", "-f", "-", ...options]);
  const { members, bytes } = readArchive(archive);
  expect(bytes.equals(archive)).toBe(true);
  return new Map(members.map((member) => [member.entry.name.toString("latin1"), member]));
}

function write(entries: readonly (readonly [HeaderFields, string?])[]): Buffer {
  const parts = entries.flatMap(([fields, content = ""]) => {
    const bytes = Buffer.from(content);
    return [encodeHeader({ ...fields, size: bytes.length }), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

function listing(archive: Buffer): string[] {
  const lines = tar(["-tv", "--full-time", "-f", "-"], archive).toString().trim().split("\n");
  return lines.map((line) => line.replaceAll(/ +/g, " "));
}

/** Data in every hundredth kilobyte, so that the map needs extension blocks; and a hole of `tail` bytes at the end. */
function writeSparse(path: string, tail = 0): void {
  const fd = openSync(path, "w");
  for (let at = 0; at < SPARSE_SIZE; at += HOLES_EVERY) writeSync(fd, `data at ${at}`, at);
  ftruncateSync(fd, SPARSE_SIZE + tail);
  closeSync(fd);
}
