import { openDirectory, readlinkat, tryOpenat } from "../../src/sys/at.ts";
import { close, pread } from "../../src/sys/file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../../src/sys/flags.ts";
import { readDirectory } from "../../src/sys/read-dir.ts";
import { fstat, type Stat, tryStatat } from "../../src/sys/stat.ts";
import { getXattr, listXattrs } from "../../src/sys/xattr.ts";

/** A node, whatever it was read from, as tests compare it. Paths are keys, "" for the root. */
export interface NodeImage {
  readonly path: string;
  readonly kind: string;
  readonly mode: number;
  readonly owner: string;
  readonly mtime: string;
  /** Of a file its content, of a symlink its target, of a device its numbers, as latin1. */
  readonly content: string;
  /** `name=value`, sorted, without those private to overlayfs. */
  readonly xattrs: readonly string[];
  /** All paths of an inode that has several. */
  readonly links: readonly string[];
}

/** One line a node, for assertions that fail readably. */
export function lines(nodes: readonly NodeImage[]): string[] {
  return nodes.map(({ path, kind, mode, owner, mtime, content, xattrs, links }) =>
    [
      `/${path}`,
      kind,
      mode.toString(8),
      owner,
      mtime,
      JSON.stringify(content),
      ...xattrs,
      ...links.map((link) => `= /${link}`),
    ].join(" "),
  );
}

type FoundNode = Omit<NodeImage, "links"> & { readonly inode: unknown };

/** A tree on disk, by path. Meant for small trees: contents are read whole. */
export function snapshot(directory: string): NodeImage[] {
  const found: FoundNode[] = [];
  const root = openDirectory(directory);
  try {
    found.push(imageOf(root, Buffer.from("."), "", fstat(root)));
    collect(root, "", found);
  } finally {
    close(root);
  }
  return withLinks(found);
}

/** Puts nodes in order and replaces their inodes by the names that share them. */
export function withLinks(nodes: readonly FoundNode[]): NodeImage[] {
  const names = new Map<unknown, string[]>();
  for (const { inode, path } of nodes) names.set(inode, [...(names.get(inode) ?? []), path]);
  return nodes
    .map(({ inode, ...node }) => {
      const links = names.get(inode) ?? [];
      return { ...node, links: links.length > 1 ? links.sort() : [] };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function collect(fd: number, parent: string, into: FoundNode[]): void {
  for (const { name } of readDirectory(fd)) {
    const path = parent === "" ? name.toString("latin1") : `${parent}/${name.toString("latin1")}`;
    const stat = tryStatat(fd, name);
    if (typeof stat === "number") throw new Error(`${path}: cannot be looked at: ${stat}`);
    into.push(imageOf(fd, name, path, stat));
    if (stat.kind !== "directory") continue;
    const child = tryOpenat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      collect(child, path, into);
    } finally {
      close(child);
    }
  }
}

function imageOf(fd: number, name: Buffer, path: string, stat: Stat): FoundNode {
  const attributes = listXattrs(fd, name).filter((key) => !/^(trusted|user)\.overlay\./.test(key));
  return {
    path,
    kind: stat.kind,
    mode: stat.mode,
    owner: `${stat.uid}:${stat.gid}`,
    mtime: `${stat.mtime.seconds}.${stat.mtime.nanoseconds}`,
    content: contentOf(fd, name, stat),
    xattrs: attributes.map((key) => `${key}=${getXattr(fd, name, key)?.toString("latin1")}`).sort(),
    inode: stat.kind === "directory" ? path : `${stat.dev}/${stat.ino}`,
  };
}

function contentOf(fd: number, name: Buffer, stat: Stat): string {
  if (stat.kind === "symlink") return readlinkat(fd, name).toString("latin1");
  if (stat.kind === "char" || stat.kind === "block") return `${stat.rdevMajor},${stat.rdevMinor}`;
  if (stat.kind !== "file") return "";
  const file = tryOpenat(fd, name, O_RDONLY | O_NOFOLLOW);
  try {
    const bytes = Buffer.alloc(stat.size);
    pread(file, bytes, 0);
    return bytes.toString("latin1");
  } finally {
    close(file);
  }
}
