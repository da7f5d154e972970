import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { dumpTree, type TreeRow, type TreeRowType } from "../support/dump-tree.ts";

/** What an image must be, by somebody else's word. */
export interface ExpectedImage {
  readonly name: string;
  /** Digest of its config, and the digests in it. */
  readonly id: string;
  readonly diffIDs: readonly string[];
  readonly oracle: "umoci" | "expected.jsonl";
  readonly rows: readonly TreeRow[];
}

/** The image `oci/NAME`: its ids by its own blobs, its tree by NAME.expected.jsonl if there is one, else by umoci. */
export function expectedImage(images: string, name: string, scratch: string): ExpectedImage {
  const layout = join(images, "oci", name);
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const manifest = JSON.parse(blob(layout, manifests[0].digest).toString());
  const config = JSON.parse(blob(layout, manifest.config.digest).toString());
  const list = join(images, `${name}.expected.jsonl`);
  const isListed = existsSync(list);
  return {
    name,
    id: manifest.config.digest,
    diffIDs: config.rootfs.diff_ids,
    oracle: isListed ? "expected.jsonl" : "umoci",
    rows: isListed ? listedTree(list) : unpackedTree(layout, join(scratch, basename(name))),
  };
}

function blob(layout: string, digest: string): Buffer {
  const bytes = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
  const found = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (found !== digest) throw new Error(`${layout}: blob ${digest} has the digest ${found}`);
  return bytes;
}

/**
 * umoci sets the times of what it unpacks, but unpacking into a directory later, and deleting from it, moves that
 * directory's own time. Such times, from this run and not from the image, are taken for undefined.
 */
function unpackedTree(layout: string, bundle: string): TreeRow[] {
  const started = BigInt(Date.now() - 1000) * 1_000_000n;
  const words = ["unpack", "--image", `${layout}:latest`, bundle];
  const { status, stderr, error } = spawnSync("umoci", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`umoci ${words.join(" ")}: ${error?.message ?? stderr}`);
  return dumpTree(join(bundle, "rootfs")).map((row) =>
    row.type === "directory" && row.mtime !== null && row.mtime >= started ? { ...row, mtime: null } : row,
  );
}

interface ListedNode {
  readonly path: string;
  readonly type: "file" | "dir" | "symlink" | "char" | "block" | "fifo";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly link?: string;
  readonly rdev?: readonly [number, number];
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Nanoseconds, as digits, because they are past 2^53. */
  readonly mtime: string | null;
  readonly same?: string;
}

/** One JSON line a node, made together with the image. It does not list the root. */
function listedTree(file: string): TreeRow[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const node: ListedNode = JSON.parse(line.replace(/"mtime": (-?\d+)/, '"mtime": "$1"'));
    return {
      path: asBytes(node.path),
      type: node.type === "dir" ? "directory" : (node.type as TreeRowType),
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      size: node.size ?? null,
      sha256: node.sha256 ?? null,
      target: node.link === undefined ? null : asBytes(node.link),
      device: node.rdev?.join(":") ?? null,
      xattrs: Object.entries(node.xattrs ?? {})
        .map(([key, hex]) => `${key}=${hex}`)
        .sort(),
      mtime: node.mtime === null ? null : BigInt(node.mtime),
      group: node.same === undefined ? null : asBytes(node.same),
    };
  });
}

/** UTF-8, where lone surrogates U+DC80 to U+DCFF stand for single bytes (Python's surrogateescape), as latin1. */
function asBytes(text: string): string {
  const parts = text.split(/([\udc80-\udcff])/u);
  return parts.map((part) => escapedByte(part) ?? Buffer.from(part).toString("latin1")).join("");
}

function escapedByte(part: string): string | null {
  const code = part.length === 1 ? part.charCodeAt(0) : 0;
  return code >= 0xdc80 && code <= 0xdcff ? String.fromCharCode(code - 0xdc00) : null;
}
