import { tmpdir } from "node:os";
import { LayerfsError, printable } from "../core/errors.ts";
import { openSpoolFile, type SpoolFile } from "../source/spool-file.ts";
import { nameKey } from "../union/entry-path.ts";
import { contentOf, walk } from "../view/lookup.ts";
import type { LeafNode, PlacedNode } from "../view/node.ts";
import { type FilePiece, isHole } from "./layer-files.ts";
import type { LayerStack, StackLayer } from "./layer-stack.ts";

/** Layers that are read at the same time; each costs its buffers. */
const MAX_OPEN = 6;
const READ_SIZE = 128 * 1024;

/**
 * The contents of the files of a tree in the order of `walk`, with each layer read once from its start to the last file
 * that is wanted. What a layer has in another order than the tree is kept in a file without a name until its turn.
 */
export interface TreeContents extends AsyncDisposable {
  /** To be asked once for each inode, in the order of `walk`. Fails with CORRUPT_STORE where the size is not the node's. */
  read(file: PlacedNode<LeafNode>): AsyncGenerator<Buffer>;
}

export function treeContents(image: LayerStack, start: PlacedNode): TreeContents {
  return new Contents(image, wantedBelow(start));
}

/** For each layer the stored names of the files below `start` that have content. */
export function wantedBelow(start: PlacedNode): Map<number, Set<string>> {
  const wanted = new Map<number, Set<string>>();
  for (const { path, node } of walk(start)) {
    if (node.kind !== "file" || node.size === 0) continue;
    const { layer, name } = keyOf({ path, node });
    const names = wanted.get(layer) ?? new Set();
    names.add(name);
    wanted.set(layer, names);
  }
  return wanted;
}

/** Where a file's content is: its layer, and its stored name as a key. Of several names of an inode the same. */
export function keyOf(file: PlacedNode): { readonly layer: number; readonly name: string } {
  const { layer, name } = contentOf(file);
  return { layer, name: nameKey(name) };
}

interface Extent {
  readonly offset: number;
  readonly length: number;
}

class Contents implements TreeContents {
  readonly #image: LayerStack;
  readonly #wanted: ReadonlyMap<number, ReadonlySet<string>>;
  /** The least recently used first. */
  readonly #open = new Map<number, AsyncIterator<FilePiece>>();
  readonly #done = new Set<number>();
  readonly #kept = new Map<string, Extent>();
  #spool: SpoolFile | null = null;
  #spooled = 0;

  constructor(image: LayerStack, wanted: ReadonlyMap<number, ReadonlySet<string>>) {
    this.#image = image;
    this.#wanted = wanted;
  }

  async *read(file: PlacedNode<LeafNode>): AsyncGenerator<Buffer> {
    const { layer, name } = keyOf(file);
    const size = file.node.kind === "file" ? file.node.size : 0;
    let found = 0;
    for await (const bytes of this.#pieces(layer, name)) {
      found += bytes.length;
      if (found > size) break;
      if (bytes.length > 0) yield bytes;
    }
    if (found === size) return;
    throw new LayerfsError(
      "CORRUPT_STORE",
      `/${printable(Buffer.from(file.path, "latin1"))}: its content has ${found > size ? "more" : found} bytes, expected ${size}`,
      { hint: "the file was changed after the layer was stored; load the image again" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pieces of this.#open.values()) await pieces.return?.();
    this.#open.clear();
    await this.#spool?.file.close();
    this.#spool = null;
  }

  async *#pieces(layer: number, name: string): AsyncGenerator<Buffer> {
    const key = `${layer}/${name}`;
    if (!this.#kept.has(key) && !this.#done.has(layer)) {
      const pieces = await this.#use(layer);
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
        if (next.value.name !== name) await this.#keep(layer, next.value, pieces);
        else {
          yield next.value.bytes;
          if (next.value.isLast) return;
        }
      }
      this.#forget(layer);
    }
    yield* this.#fromSpool(this.#kept.get(key));
  }

  /** The layer's pieces, from where they are. Where too many layers are open, the one that waits longest is read out. */
  async #use(layer: number): Promise<AsyncIterator<FilePiece>> {
    const open = this.#open.get(layer);
    this.#open.delete(layer);
    if (open === undefined && this.#open.size >= MAX_OPEN) await this.#readOut();
    const source: StackLayer | undefined = this.#image.layers[layer];
    const pieces = open ?? source?.files(this.#wanted.get(layer) ?? new Set())[Symbol.asyncIterator]();
    if (pieces === undefined) throw new LayerfsError("CORRUPT_STORE", `the image has no layer ${layer + 1}`);
    this.#open.set(layer, pieces);
    return pieces;
  }

  async #readOut(): Promise<void> {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    const [layer, pieces] = oldest;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      await this.#keep(layer, next.value, pieces);
    }
    this.#forget(layer);
  }

  #forget(layer: number): void {
    this.#open.delete(layer);
    this.#done.add(layer);
  }

  /** Keeps a file whose turn is later, beginning with `first`. */
  async #keep(layer: number, first: FilePiece, pieces: AsyncIterator<FilePiece>): Promise<void> {
    this.#spool ??= await openSpoolFile(tmpdir());
    const offset = this.#spooled;
    for (let piece = first; ; ) {
      await this.#append(piece);
      if (piece.isLast) break;
      const next = await pieces.next();
      if (next.done) break;
      piece = next.value;
    }
    this.#kept.set(`${layer}/${first.name}`, { offset, length: this.#spooled - offset });
  }

  async #append(piece: FilePiece): Promise<void> {
    // A hole stays one.
    if (!isHole(piece)) await this.#spool?.write(piece.bytes, this.#spooled);
    this.#spooled += piece.bytes.length;
  }

  async *#fromSpool(extent: Extent | undefined): AsyncGenerator<Buffer> {
    if (extent === undefined || this.#spool === null) return;
    const { file } = this.#spool;
    for (let done = 0; done < extent.length; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_SIZE, extent.length - done));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, extent.offset + done);
      // What follows the last byte that was written is a hole.
      const bytes = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead);
      done += bytes.length;
      yield bytes;
    }
  }
}
