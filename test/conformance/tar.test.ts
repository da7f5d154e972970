import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import type { TarEntry } from "../../src/tar/entry.ts";
import { tarReader } from "../../src/tar/reader.ts";
import { assembleTar, readHeaders, splitRecorder } from "../../src/tar/tar-split.ts";

/**
 * Archives of other projects with what Go's archive/tar and vbatts/tar-split make of them: `tar/*.tar` listed in
 * `tar/expected.jsonl`, and tar-split's records in `tar-split/split/*.json.gz`.
 */
const ROOT = process.env.LAYERFS_FIXTURES;
const missing = ROOT === undefined ? "LAYERFS_FIXTURES does not name the directory of fixtures" : null;

/** Where the reader differs from Go's on purpose. */
const LISTED_OTHERWISE: Readonly<Record<string, string>> = {
  "nodetar-excessively-deep.tar": "a name of 444749 bytes, beyond the limit of 64 KiB",
};

/** Where the records differ from tar-split's on purpose. All of these still give the archive back. */
const RECORDED_OTHERWISE: Readonly<Record<string, string>> = {
  "go-gnu-incremental.tar": "the contents of a dumpdir and of a sparse file are kept in the records",
  "go-pax-nil-sparse-data.tar": "the stored bytes of a sparse file are kept in the records, tar-split loses them",
  "go-pax-nil-sparse-hole.tar": "the map of a sparse file is kept in the records, tar-split loses it",
  "libarchive-read_format_gtar_sparse_1_13.tar": "the stored bytes of a sparse file are kept in the records",
  "go-pax-global-records.tar": "a global PAX header is raw bytes, no entry",
  "nodetar-global-header.tar": "a global PAX header is raw bytes, no entry",
  "libarchive-compat_star_acl_posix1e.tar": "a global PAX header is raw bytes, no entry",
  "libarchive-compat_tar_directory_1.tar": "a directory that claims a size has none",
  "libarchive-compat_tar_hardlink_1.tar":
    "a hard link that claims a size has none; tar-split's record cannot be reassembled",
};

interface Expected {
  readonly file: string;
  readonly error?: string;
  readonly entries?: readonly GoHeader[];
}

interface GoHeader {
  readonly Name: string;
  readonly Type: string;
  readonly Linkname: string;
  readonly Mode: number;
  readonly Size: number;
  readonly Uid: number;
  readonly Gid: number;
  readonly Uname: string;
  readonly Gname: string;
  readonly Mtime: string;
  readonly Devmajor?: number;
  readonly Devminor?: number;
  readonly PAX?: Readonly<Record<string, string>>;
  readonly SHA256?: string;
}

interface Listed {
  readonly entry: TarEntry;
  readonly sha256: string;
}

const expectations = ROOT === undefined ? [] : readExpectations(join(ROOT, "tar"));

describe("tar archives of other projects", () => {
  skipWithoutFixtures();

  it("are there", () => {
    expect(expectations.length).toBeGreaterThan(40);
  });

  it.each(expectations.filter(({ file }) => LISTED_OTHERWISE[file] === undefined))(
    "are read as Go reads them: $file",
    ({ file, entries = [], error }) => {
      const { listed, failure } = list(readFileSync(join(ROOT!, "tar", file)));
      expect(failure === undefined).toBe(error === undefined);
      const expected = entries
        .filter(({ Type }) => Type !== "g")
        .slice(0, error === undefined ? undefined : listed.length);
      expect(listed.map(comparable)).toEqual(expected.map((header, i) => fromGo(header, listed[i])));
    },
  );

  it.each(Object.entries(LISTED_OTHERWISE))("differ: %s has %s", (file) => {
    const { failure } = list(readFileSync(join(ROOT!, "tar", file)));
    expect(failure).toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

describe("tar-split records of other projects", () => {
  skipWithoutFixtures();
  const files =
    ROOT === undefined
      ? []
      : readdirSync(join(ROOT, "tar-split/split")).map((name) => name.slice(0, -".json.gz".length));
  const recorded = files.filter((file) => LISTED_OTHERWISE[file] === undefined);

  it("are there", () => {
    expect(recorded.length).toBeGreaterThan(40);
  });

  it.each(recorded)("of %s give the archive back", async (file) => {
    const archive = readArchiveOf(file);
    const { records, contents } = split(archive);
    const chunks: Buffer[] = [];
    for await (const chunk of assembleTar(once(records), (name) => contents.get(name.toString("latin1"))!))
      chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(archive)).toBe(true);
  });

  it.each(recorded.filter((file) => RECORDED_OTHERWISE[file] === undefined))("of %s are the reference's", (file) => {
    const lines = split(readArchiveOf(file)).records.toString().split("\n");
    // Docker 20.10 writes an empty segment at the end, the reference's version does not.
    const ours = lines.filter((line) => !line.startsWith('{"type":2,"payload":"",'));
    expect(ours).toEqual(reference(file).toString().split("\n"));
  });

  it.each(Object.entries(RECORDED_OTHERWISE))("of %s differ: %s", (file) => {
    expect(split(readArchiveOf(file)).records.equals(reference(file))).toBe(false);
  });

  it.each(recorded)("of %s, in the reference's form, give the same entries", async (file) => {
    const expected = list(readArchiveOf(file)).listed.map(({ entry }) => entry.name.toString());
    const names: string[] = [];
    for await (const { entry } of readHeaders(once(reference(file)))) names.push(entry.name.toString());
    expect(names).toEqual(expected);
  });
});

function skipWithoutFixtures(): void {
  if (missing !== null) beforeEach((context) => context.skip(missing));
}

/** The archives that are stored packed are left out: what unpacks them is not at stake here. */
function readExpectations(directory: string): Expected[] {
  const lines = readFileSync(join(directory, "expected.jsonl"), "utf8").trim().split("\n");
  return lines.map((line): Expected => JSON.parse(line)).filter(({ file }) => file.endsWith(".tar"));
}

function list(archive: Buffer): { listed: Listed[]; failure: unknown } {
  const listed: Listed[] = [];
  let content: ReturnType<typeof expandedHash> | undefined;
  let entry: TarEntry | undefined;
  const reader = tarReader({
    raw() {},
    entry(next) {
      entry = next;
      content = expandedHash();
    },
    payload: (bytes, position) => content!.add(bytes, position),
    endEntry: () => listed.push({ entry: entry!, sha256: content!.digest(entry!.size) }),
  });
  try {
    reader.write(archive);
    reader.end();
    return { listed, failure: undefined };
  } catch (failure) {
    return { listed, failure };
  }
}

/** SHA-256 of a file whose holes are filled with zeros, of any size. */
function expandedHash(): { add(bytes: Buffer, position: number): void; digest(size: number): string } {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(1 << 20);
  let at = 0;
  const fillTo = (end: number): void => {
    for (; at < end; at += Math.min(zeros.length, end - at)) hash.update(zeros.subarray(0, end - at));
  };
  return {
    add(bytes, position) {
      fillTo(position);
      hash.update(bytes);
      at += bytes.length;
    },
    digest(size) {
      fillTo(size);
      return hash.digest("hex");
    },
  };
}

function comparable({ entry, sha256 }: Listed): object {
  const { kind, linkname, mtime, mode, size, uid, gid, uname, gname, devmajor, devminor, xattrs } = entry;
  const attributes = [...xattrs].map(([key, value]) => [key, value.toString()]);
  const texts = { name: entry.name.toString(), linkname: linkname.toString(), uname, gname };
  return { ...texts, kind, mtime, mode, size, uid, gid, devmajor, devminor, attributes, sha256 };
}

/** Go's header in our terms; of a file without content it lists no hash, and of some kinds a size that is not there. */
function fromGo(header: GoHeader, ours: Listed | undefined): object {
  const kind = GO_KINDS[header.Type] ?? "unknown";
  const sized = kind === "file" || kind === "unknown";
  const attributes = Object.entries(header.PAX ?? {}).filter(([key]) => key.startsWith("SCHILY.xattr."));
  return {
    name: header.Name,
    linkname: header.Linkname,
    kind,
    mode: header.Mode & 0o7777,
    size: sized ? header.Size : 0,
    uid: header.Uid,
    gid: header.Gid,
    uname: header.Uname,
    gname: header.Gname,
    mtime: timeOf(header.Mtime),
    devmajor: header.Devmajor ?? 0,
    devminor: header.Devminor ?? 0,
    attributes: attributes.map(([key, value]) => [key.slice("SCHILY.xattr.".length), value]),
    sha256: header.SHA256 ?? ours?.sha256,
  };
}

const GO_KINDS: Readonly<Record<string, string>> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  S: "file",
};

function timeOf(text: string): object {
  const fraction = /\.(\d+)Z$/.exec(text)?.[1] ?? "";
  return { seconds: Math.floor(Date.parse(text) / 1000), nanoseconds: Number(fraction.padEnd(9, "0")) };
}

function split(archive: Buffer): { records: Buffer; contents: Map<string, Buffer[]> } {
  const recorder = splitRecorder();
  const contents = new Map<string, Buffer[]>();
  let content: Buffer[] = [];
  const reader = tarReader({
    raw: (bytes) => recorder.raw(bytes),
    entry(entry) {
      content = [];
      contents.set(entry.name.toString("latin1"), content);
      recorder.entry(entry.name, entry.kind === "file" && entry.sparse === null ? "file" : "inline");
    },
    payload(bytes) {
      content.push(bytes);
      recorder.payload(bytes);
    },
    endEntry: () => recorder.endEntry(),
    endMarker: () => recorder.endMarker(),
  });
  reader.write(archive);
  reader.end();
  recorder.end();
  return { records: recorder.drain(), contents };
}

function readArchiveOf(file: string): Buffer {
  const path = join(ROOT!, "tar", file);
  return existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(join(ROOT!, "tar-split", file)));
}

function reference(file: string): Buffer {
  return gunzipSync(readFileSync(join(ROOT!, "tar-split/split", `${file}.json.gz`)));
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
