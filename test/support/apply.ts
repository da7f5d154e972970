import { applyTar } from "../../src/layer/apply/apply-tar.ts";
import type { LayerWriter, WrittenLayer } from "../../src/layer/apply/layer-writer.ts";
import { overlayTarget } from "../../src/layer/apply/overlay-target.ts";
import { treeTarget } from "../../src/layer/apply/tree-target.ts";
import { Warnings } from "../../src/layer/apply/warnings.ts";
import { openDirectory } from "../../src/sys/at.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { tarReader } from "../../src/tar/reader.ts";
import { END_OF_ARCHIVE, encodeHeader, padding } from "../../src/tar/writer.ts";

const NO_LIMIT = { bytes: () => {}, node: () => {} };

/** Applies a tar to a directory that holds the tree below it. */
export async function applyToTree(directory: string, tar: Buffer, isBase = false): Promise<WrittenLayer> {
  const options = { ignoreOwners: false, warnings: new Warnings(), implyRoot: isBase };
  return apply(treeTarget(openDirectory(directory), options), tar, []);
}

/** Writes a tar as an overlay directory above `lowers`, topmost first. */
export async function applyToOverlay(directory: string, tar: Buffer, lowers: readonly string[]): Promise<WrittenLayer> {
  const options = { ignoreOwners: false, warnings: new Warnings(), opaqueXattr: "trusted.overlay.opaque" };
  return apply(overlayTarget(openDirectory(directory), { ...options, lowers }), tar, lowers);
}

async function apply(writer: LayerWriter, tar: Buffer, lowers: readonly string[]): Promise<WrittenLayer> {
  try {
    await applyTar(inPieces(tar), writer, { space: NO_LIMIT });
    return writer.finish(lowers);
  } finally {
    writer[Symbol.dispose]();
  }
}

/** Pieces of an odd size, so that headers and contents are split anywhere. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1777) yield bytes.subarray(at, at + 1777);
}

/** The entries of a tar with what they hold. */
export function readTar(tar: Buffer): { entry: TarEntry; content: string }[] {
  const found: { entry: TarEntry; content: string }[] = [];
  const reader = tarReader({
    raw: () => {},
    entry: (entry) => void found.push({ entry, content: "" }),
    payload: (bytes) => {
      found.at(-1)!.content += bytes.toString("latin1");
    },
    endEntry: () => {},
  });
  reader.write(tar);
  reader.end();
  return found;
}

/** A tar of entries, with `content` for each file. */
export function makeTar(entries: readonly { readonly entry: TarEntry; readonly content?: string }[]): Buffer {
  const parts = entries.flatMap(({ entry, content = "" }) => {
    const bytes = Buffer.from(content, "latin1");
    return [encodeHeader({ ...entry, size: bytes.length }), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
