import { LayerfsError, printable } from "../core/errors.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { TarHandler } from "../tar/reader.ts";
import { archiveKey, linkTargetKey } from "./archive-path.ts";

/** Where a file's bytes lie in an archive. */
export interface ArchiveEntry {
  readonly offset: number;
  readonly size: number;
}

/** What an archive holds, by path. Paths are cleaned, so that `./a` finds `a`; the last of several entries counts. */
export interface ArchiveIndex {
  /** The file of that path, through links within the archive. Fails with INVALID_ARCHIVE, saying what is missing. */
  file(path: string): ArchiveEntry;
  /** Whether anything has that path. */
  has(path: string): boolean;
}

/** Fills an index from a tar reader that it is the handler of; what is indexed may be found before the end. */
export interface ArchiveIndexer {
  readonly handler: TarHandler;
  readonly index: ArchiveIndex;
}

export interface IndexLimits {
  readonly maxEntries: number;
  /** Length of all cleaned paths and link targets together. */
  readonly maxPathBytes: number;
}

/** An archive of images has a handful of entries for each layer. */
const LIMITS: IndexLimits = { maxEntries: 200_000, maxPathBytes: 64 * 1024 * 1024 };
/** As many as the kernel follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

type Node =
  | { readonly kind: "file"; readonly entry: ArchiveEntry }
  | { readonly kind: "symlink"; readonly target: string | undefined }
  /** What cannot be read as a file; `what` says why. */
  | { readonly kind: "other"; readonly what: string };

/** `archiveName` is for messages. Fails with LIMIT_EXCEEDED past the limits. */
export function archiveIndexer(archiveName: string, limits: IndexLimits = LIMITS): ArchiveIndexer {
  const nodes = new Map<string, Node>();
  const counts = { entries: 0, pathBytes: 0 };
  let position = 0;
  let current: { readonly entry: TarEntry; payloadOffset?: number } | undefined;

  const add = (entry: TarEntry, payloadOffset: number): void => {
    const key = archiveKey(entry.name);
    if (key === undefined) return;
    counts.entries += 1;
    counts.pathBytes += key.length + entry.linkname.length;
    if (counts.entries > limits.maxEntries || counts.pathBytes > limits.maxPathBytes) {
      throw new LayerfsError(
        "LIMIT_EXCEEDED",
        `archive ${archiveName}: expected at most ${limits.maxEntries} entries with ${limits.maxPathBytes} bytes of names, found more`,
        { hint: "an archive of images has a few entries for each layer; is this one?" },
      );
    }
    nodes.set(key, makeNode(entry, key, payloadOffset, nodes));
  };

  return {
    handler: {
      raw: (bytes) => {
        position += bytes.length;
      },
      entry: (entry) => {
        current = { entry };
      },
      payload: (bytes) => {
        if (current !== undefined) current.payloadOffset ??= position;
        position += bytes.length;
      },
      endEntry: () => {
        if (current !== undefined) add(current.entry, current.payloadOffset ?? position);
        current = undefined;
      },
    },
    index: {
      file: (path) => findFile(archiveName, nodes, path),
      has: (path) => nodes.has(archiveKey(Buffer.from(path)) ?? ""),
    },
  };
}

function makeNode(entry: TarEntry, key: string, offset: number, nodes: ReadonlyMap<string, Node>): Node {
  if (entry.sparse !== null) return { kind: "other", what: "a sparse file" };
  if (entry.kind === "file") return { kind: "file", entry: { offset, size: entry.payloadSize } };
  if (entry.kind === "symlink") return { kind: "symlink", target: linkTargetKey(key, entry.linkname) };
  if (entry.kind !== "hardlink") return { kind: "other", what: `a ${entry.kind}` };
  // A hard link is to what lies under that name now: it comes after its target, as in every tar.
  const target = nodes.get(archiveKey(entry.linkname) ?? "");
  return target ?? { kind: "other", what: `a hard link to ${printable(entry.linkname)}, which is not before it` };
}

function findFile(archiveName: string, nodes: ReadonlyMap<string, Node>, path: string): ArchiveEntry {
  const shown = printable(path);
  let key = archiveKey(Buffer.from(path));
  if (key === undefined) throw invalid(archiveName, `the path ${shown} does not lie in it`);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const node = nodes.get(key);
    if (node === undefined) {
      const through = links === 0 ? "" : `, which is a link to ${printable(Buffer.from(key, "latin1"))}`;
      throw invalid(archiveName, `there is no ${shown}${through}`, "the archive is not whole; save the image again");
    }
    if (node.kind === "file") return node.entry;
    if (node.kind === "other") throw invalid(archiveName, `expected a file at ${shown}, found ${node.what}`);
    if (node.target === undefined) throw invalid(archiveName, `${shown} is a link that leaves the archive`);
    key = node.target;
  }
  throw invalid(archiveName, `${shown} is a link that leads through more than ${MAX_LINKS} others`);
}

function invalid(archiveName: string, problem: string, hint?: string): LayerfsError {
  return new LayerfsError("INVALID_ARCHIVE", `archive ${archiveName}: ${problem}`, { hint });
}
