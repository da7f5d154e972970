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
}

/** Headers are handed on together until they reach this size. */
const CHUNK_SIZE = 64 * 1024;
const SLASH = Buffer.from("/");

/**
 * A node with all below it as a tar: a directory before its content, siblings by the bytes of their names, so that the
 * same tree gives the same bytes wherever it lies. The names of one inode stay linked, the first has the data.
 */
export async function* exportTree(start: PlacedNode, options: ExportOptions): AsyncGenerator<Buffer> {
  const names = new Map<LeafNode, Buffer>();
  let headers: Buffer[] = [];
  let size = 0;
  for (const place of walk(start)) {
    const { node } = place;
    if (place.path === start.path && !options.withStart) continue;
    const name = nameOf(place, start, options.name);
    const linked = node.kind === "directory" ? undefined : names.get(node);
    const header = encodeHeader(fieldsOf(node, name, linked, options));
    headers.push(header);
    size += header.length;
    if (node.kind !== "directory" && node.names > 1) names.set(node, name);
    const file = node.kind === "file" && node.size > 0 && linked === undefined ? node : null;
    if (file !== null || size >= CHUNK_SIZE) {
      yield Buffer.concat(headers);
      headers = [];
      size = 0;
    }
    if (file === null) continue;
    yield* options.content({ path: place.path, node: file });
    const zeros = padding(file.size);
    if (zeros.length > 0) headers.push(zeros);
    size += zeros.length;
  }
  yield Buffer.concat([...headers, END_OF_ARCHIVE]);
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
