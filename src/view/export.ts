import { Chunks } from "../tar/chunks.ts";
import type { EntryKind } from "../tar/entry.ts";
import { END_OF_ARCHIVE, encodeHeader, type HeaderFields, padding } from "../tar/writer.ts";
import { walk } from "./lookup.ts";
import type { FileNode, LeafNode, PlacedNode, TreeNode } from "./node.ts";

export interface ExportOptions {
  /** What the start is called in the archive; what lies below it follows after a slash. Empty for the root: `./`. */
  readonly name: Buffer;
  /** Put the start itself into the archive. */
  readonly withStart: boolean;
  /** Owner of everything; default: as the nodes have it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Called for each file that is not empty, in the order of the archive; as many bytes as the node's size. */
  readonly content: (file: PlacedNode<FileNode>) => AsyncIterable<Buffer>;
  /** A chunk of the archive is valid until the next one is asked for. Default: each is a buffer of its own. */
  readonly reuseBuffer?: boolean | undefined;
}

const CHUNK_SIZE = 128 * 1024;
const SLASH = Buffer.from("/");

/**
 * A node with all below it as a tar: a directory before its content, siblings by the bytes of their names, so that the
 * same tree gives the same bytes wherever it lies. The names of one inode stay linked, the first has the data.
 */
export async function* exportTree(start: PlacedNode, options: ExportOptions): AsyncGenerator<Buffer> {
  const names = new Map<LeafNode, Buffer>();
  const chunks = new Chunks(CHUNK_SIZE, options.reuseBuffer ?? false);
  for (const place of walk(start)) {
    const { node } = place;
    if (place.path === start.path && !options.withStart) continue;
    const name = nameOf(place, start, options.name);
    const linked = node.kind === "directory" ? undefined : names.get(node);
    for (const full of chunks.add(encodeHeader(fieldsOf(node, name, linked, options)))) yield full;
    if (node.kind !== "directory" && node.names > 1) names.set(node, name);
    if (node.kind !== "file" || node.size === 0 || linked !== undefined) continue;
    const content = options.content({ path: place.path, node });
    for await (const bytes of content) for (const full of chunks.add(bytes)) yield full;
    for (const full of chunks.add(padding(node.size))) yield full;
  }
  for (const full of chunks.add(END_OF_ARCHIVE)) yield full;
  for (const rest of chunks.end()) yield rest;
}

function nameOf({ path }: PlacedNode, start: PlacedNode, name: Buffer): Buffer {
  if (path === start.path) return name.length === 0 ? Buffer.from("./") : name;
  const below = Buffer.from(start.path === "" ? path : path.slice(start.path.length + 1), "latin1");
  return name.length === 0 ? below : Buffer.concat([name, SLASH, below]);
}

function fieldsOf(node: TreeNode, name: Buffer, linked: Buffer | undefined, { owner }: ExportOptions): HeaderFields {
  const { mode, mtimeSeconds, mtimeNanoseconds, xattrs } = node;
  const common = {
    name,
    mode,
    uid: owner?.uid ?? node.uid,
    gid: owner?.gid ?? node.gid,
    mtime: { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds },
  };
  if (linked !== undefined) return { ...common, kind: "hardlink", linkname: linked };
  const attributes = xattrs === null ? {} : { xattrs };
  switch (node.kind) {
    case "file":
      return { ...common, ...attributes, kind: "file", size: node.size };
    case "symlink":
      return { ...common, ...attributes, kind: "symlink", linkname: Buffer.from(node.target, "latin1") };
    case "directory":
      return { ...common, ...attributes, kind: "directory" };
    default:
      return {
        ...common,
        ...attributes,
        kind: node.kind satisfies EntryKind,
        devmajor: node.major,
        devminor: node.minor,
      };
  }
}
