import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { cutRange } from "./content-range.ts";
import type { HiddenNode } from "./merged-tree.ts";
import { type ReadableLayer, union, type View } from "./view.ts";

/** A layer of files whose content is their name over and over. */
function layer(...fields: readonly EntryFields[]): ReadableLayer {
  const entries = fields.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }));
  return {
    entries: () => entries,
    content: (name, range) => {
      const found = entries.findLast(({ storedName }) => storedName.equals(name));
      if (found === undefined) throw new Error(`there is no ${name}`);
      return cutRange([Buffer.alloc(found.entry.size, name)], range);
    },
  };
}

function paths(view: View, match?: string | readonly string[]): string[] {
  return Array.from(view.walk({ match }), ({ path }) => path.toString("latin1"));
}

describe("a view", () => {
  const made = union([
    layer(
      { name: "etc/", kind: "directory" },
      { name: "etc/motd", size: 10 },
      { name: "etc/gone", size: 1 },
      { name: "etc/link", kind: "symlink", linkname: "/../etc/./motd" },
      { name: "etc/loop", kind: "symlink", linkname: "loop" },
      { name: "dir", kind: "symlink", linkname: "etc" },
      { name: "null", kind: "char", devmajor: 1, devminor: 3 },
    ),
    layer(
      { name: "etc/.wh.gone" },
      { name: "etc/\xff", size: 3 },
      { name: "hard", kind: "hardlink", linkname: "etc/motd" },
    ),
  ]);

  it("walks all nodes, and those that match", async () => {
    const view = await made;
    expect(paths(view)).toEqual([
      "/",
      "/dir",
      "/etc",
      "/etc/link",
      "/etc/loop",
      "/etc/motd",
      "/etc/\xff",
      "/hard",
      "/null",
    ]);
    expect(paths(view, "etc/m*")).toEqual(["/etc/motd"]);
    expect(paths(view, ["**/l*", "/null"])).toEqual(["/etc/link", "/etc/loop", "/null"]);
    const found: string[] = [];
    for await (const { path } of view.walk({ from: "/dir", match: "etc/mo?d" })) found.push(path.toString());
    expect(found).toEqual(["/etc/motd"]);
  });

  it("resolves paths inside its root", async () => {
    const view = await made;
    expect(view.realpath("/dir/../../dir/link").toString()).toBe("/etc/motd");
    expect(view.readlink("/etc/link").toString()).toBe("/../etc/./motd");
    expect(view.lstat("/dir").kind).toBe("symlink");
    expect(view.stat("/dir").kind).toBe("directory");
    expect(view.lstat("/dir/").kind).toBe("directory");
    expect(view.stat(Buffer.from("etc/\xff", "latin1")).size).toBe(3);
    expect(view.exists("/etc/gone")).toBe(false);
  });

  it("gives all names of a file one number", async () => {
    const view = await made;
    expect(view.stat("/hard").ino).toBe(view.stat("/etc/motd").ino);
    expect(view.stat("/hard").ino).not.toBe(view.stat("/etc").ino);
    expect(view.stat("/hard").nlink).toBe(2);
  });

  it("reads files, whole and in part", async () => {
    const view = await made;
    expect((await view.readFile("/dir/link")).toString()).toBe("etc/motdet");
    expect(Buffer.concat(await view.createReadStream("/hard", { start: 4, end: 7 }).toArray()).toString()).toBe("motd");
    expect(await view.createReadStream("/hard", { start: 10 }).toArray()).toEqual([]);
  });

  it.each([
    ["stat", "/etc/gone", "NOT_FOUND", "ENOENT"],
    ["stat", "", "NOT_FOUND", "ENOENT"],
    ["stat", "/etc/motd/", "NOT_FOUND", "ENOTDIR"],
    ["stat", "/etc/loop", "NOT_FOUND", "ELOOP"],
    ["readdir", "/etc/motd", "NOT_FOUND", "ENOTDIR"],
    ["readlink", "/etc/motd", "UNSUPPORTED", "EINVAL"],
    ["readFile", "/etc", "UNSUPPORTED", "EISDIR"],
    ["readFile", "/null", "UNSUPPORTED", "ENXIO"],
  ] as const)("%s of %s fails with %s and %s", async (method, path, code, errno) => {
    const view = await made;
    await expect((async () => view[method](path))()).rejects.toMatchObject({ code, errno });
  });
});

describe("what a union hides", () => {
  it("is told with the layer that does it, and how", async () => {
    const hidden: string[] = [];
    const onHidden = ({ path, node, by, how }: HiddenNode): unknown =>
      hidden.push(`${path} of ${node.layer} ${how} by ${by}`);
    await union(
      [
        layer({ name: "a/b/c" }, { name: "d/e" }, { name: "f" }, { name: "g/h" }),
        layer({ name: "a/.wh.b" }, { name: "d/.wh..wh..opq" }, { name: "f" }, { name: "g" }),
      ],
      { onHidden },
    );
    expect(hidden).toEqual([
      "a/b of 0 deleted by 1",
      "a/b/c of 0 deleted by 1",
      "d/e of 0 hidden by 1",
      "f of 0 replaced by 1",
      "g of 0 replaced by 1",
      "g/h of 0 displaced by 1",
    ]);
  });
});
