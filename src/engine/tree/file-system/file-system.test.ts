import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import * as nodeFs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../../../../test/support/apply.ts";
import { openImage } from "../open-image.ts";
import { fileSystemOf, type ImageFileSystem } from "./file-system.ts";

/** The same tree on disk and as an image: Node.js's own functions are what ours must agree with. */
let tree: string;
let image: AsyncDisposable;
let files: ImageFileSystem;

beforeAll(async () => {
  tree = mkdtempSync(join(tmpdir(), "layerfs-test-"));
  mkdirSync(join(tree, "etc/sub"), { recursive: true });
  writeFileSync(join(tree, "etc/motd"), "hello, wörld\n".repeat(1000));
  writeFileSync(join(tree, "etc/empty"), "");
  writeFileSync(Buffer.concat([Buffer.from(join(tree, "etc/sub/")), Buffer.from([0x61, 0xff])]), "x");
  linkSync(join(tree, "etc/motd"), join(tree, "twin"));
  chmodSync(join(tree, "etc/empty"), 0o4755);
  for (const [name, target] of [
    ["link", "etc/motd"],
    ["dir", "etc"],
    ["chain", "dir/sub/../motd"],
    ["broken", "nothing"],
    ["loop", "loop"],
    ["self", "."],
  ] as const)
    symlinkSync(target, join(tree, name));
  utimesSync(join(tree, "etc/motd"), 1_700_000_000, 1_600_000_000.25);
  const opened = await openImage(`dir:${tree}`);
  image = opened;
  files = fileSystemOf(await opened.view());
});
afterAll(async () => {
  await image[Symbol.asyncDispose]();
  rmSync(tree, { recursive: true });
});

const PATHS = [
  ...["", "etc", "etc/", "etc/motd", "etc/motd/", "etc/motd/x", "etc/empty", "twin", "link", "link/", "dir", "dir/"],
  ...[
    "chain",
    "broken",
    "broken/",
    "loop",
    "loop/x",
    "self/self/etc/sub",
    "nothing",
    "nothing/",
    "nothing/x",
    "etc/./sub/..",
  ],
];

type Outcome = { readonly value: unknown } | { readonly error: unknown };

async function outcome(act: () => Promise<unknown>, root: string): Promise<Outcome> {
  try {
    return { value: await act() };
  } catch (error) {
    const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { error: { code, errno, syscall, path: path?.slice(root.length) } };
  }
}

type Act = (fs: typeof nodeFs, path: string) => Promise<unknown>;

const isKind = (stats: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): boolean[] => [
  stats.isFile(),
  stats.isDirectory(),
  stats.isSymbolicLink(),
];
const fieldsOf = (stats: Awaited<ReturnType<typeof nodeFs.stat>>): unknown => {
  const { mode, uid, gid, nlink, mtimeMs, mtime } = stats;
  return { mode, uid, gid, nlink, mtimeMs, mtime, kinds: isKind(stats), size: stats.isDirectory() ? 0 : stats.size };
};

const ACTS: Readonly<Record<string, Act>> = {
  access: (fs, path) => fs.access(path),
  stat: async (fs, path) => fieldsOf(await fs.stat(path)),
  lstat: async (fs, path) => fieldsOf(await fs.lstat(path)),
  "stat with bigint": async (fs, path) => {
    const stats = await fs.stat(path, { bigint: true });
    return [stats.mode, stats.mtimeNs, stats.mtimeMs, stats.nlink, isKind(stats)];
  },
  readdir: async (fs, path) => (await fs.readdir(path)).sort(),
  "readdir with buffers": async (fs, path) => (await fs.readdir(path, { encoding: "buffer" })).sort(Buffer.compare),
  readlink: (fs, path) => fs.readlink(path),
  readFile: (fs, path) => fs.readFile(path),
  "readFile as text": (fs, path) => fs.readFile(path, "utf8"),
};

describe.each(Object.keys(ACTS))("%s", (name) => {
  it.each(PATHS)("of %j does what Node.js does", async (path) => {
    const act = ACTS[name]!;
    const expected = await outcome(() => act(nodeFs, `${tree}/${path}`), tree);
    const found = await outcome(() => act(files as unknown as typeof nodeFs, `/${path}`), "");
    if ("error" in expected && (expected.error as { code: string }).code === "EISDIR") {
      // Node.js opens a directory and fails to read it, without a path.
      expect(found).toMatchObject({ error: { code: "EISDIR", errno: -21 } });
    } else expect(found).toEqual(expected);
  });
});

describe("a directory with the types of its entries", () => {
  const entries = (
    list: readonly {
      name: string;
      parentPath: string;
      isFile(): boolean;
      isDirectory(): boolean;
      isSymbolicLink(): boolean;
    }[],
    root: string,
  ) => list.map((entry) => [entry.name, entry.parentPath.slice(root.length), ...isKind(entry)]).sort();

  it.each(["/", "/dir", "/etc/"])("is that of Node.js: %s", async (path) => {
    const expected = await nodeFs.readdir(tree + path, { withFileTypes: true });
    expect(entries(await files.readdir(path, { withFileTypes: true }), "")).toEqual(entries(expected, tree));
  });

  it("is read with all that lies below", async () => {
    const expected = await nodeFs.readdir(`${tree}/etc`, { recursive: true });
    expect((await files.readdir("/etc", { recursive: true })).sort()).toEqual(expected.sort());
    const typed = await nodeFs.readdir(`${tree}/etc`, { recursive: true, withFileTypes: true });
    expect(entries(await files.readdir("/etc", { recursive: true, withFileTypes: true }), "")).toEqual(
      entries(typed, tree),
    );
  });

  it("gives names that are not UTF-8 as bytes, and takes them", async () => {
    const [name] = await files.readdir("/etc/sub", "buffer");
    expect(name).toEqual(Buffer.from([0x61, 0xff]));
    expect(await files.readFile(Buffer.concat([Buffer.from("/etc/sub/"), name!]), "utf8")).toBe("x");
  });
});

describe("an open file", () => {
  it("is read piece by piece, as in Node.js", async () => {
    const read = async (fs: Pick<typeof nodeFs, "open">, path: string) => {
      const handle = await fs.open(path);
      const buffer = Buffer.alloc(10);
      const counts: unknown[] = [];
      counts.push((await handle.read(buffer, 0, 7)).bytesRead, (await handle.read(buffer, 7, 3)).bytesRead);
      counts.push(buffer.toString(), (await handle.read(buffer, 0, 5, 13_995)).bytesRead, buffer.toString());
      counts.push((await handle.read(buffer, 0, 5, 20_000)).bytesRead, (await handle.stat()).size);
      await handle.close();
      return counts;
    };
    expect(await read(files as unknown as typeof nodeFs, "/etc/motd")).toEqual(await read(nodeFs, `${tree}/etc/motd`));
  });

  it("is a stream too, whole or in part", async () => {
    await using handle = await files.open("/chain");
    expect((await collect(handle.createReadStream({ start: 7, end: 12 }))).toString()).toBe("wörld");
    expect((await collect(handle.createReadStream())).length).toBe(14_000);
    await handle.close();
    await expect(handle.readFile()).rejects.toMatchObject({ code: "EBADF" });
  });
});

describe("what would write", () => {
  it.each(["writeFile", "mkdir", "rm", "rename", "chmod"])("%s fails with EROFS", async (name) => {
    const call = (files as unknown as Record<string, (path: string) => Promise<unknown>>)[name]!;
    await expect(call("/etc/motd")).rejects.toMatchObject({ code: "EROFS", path: "/etc/motd" });
  });

  it.each(["w", "a", "r+", "wx"])("opening with %s fails with EROFS", async (flags) => {
    await expect(files.open("/etc/motd", flags)).rejects.toMatchObject({ code: "EROFS" });
  });
});
