import { tmpdir } from "node:os";
import { LayerfsError } from "../../core/errors.ts";
import { openSpoolFile, type SpoolFile } from "../../source/spool-file.ts";
import { nameKey, printableKey } from "../../union/entry-path.ts";
import { contentOf, walk } from "../../view/lookup.ts";
import type { FileNode, PlacedNode } from "../../view/node.ts";
import type { ImageLayer } from "./image-layer.ts";
import type { LayerStack } from "./layer-stack.ts";

/** Layers that are read at the same time; each costs its buffers. */
const MAX_OPEN = 6;
const READ_SIZE = 128 * 1024;
const ZEROS = Buffer.alloc(READ_SIZE);

/**
 * The contents of the files of a tree in the order of `walk`, with each layer read once from its start to the last file
 * that is wanted. What a layer has in another order than the tree is kept in a file without a name until its turn.
 */
export interface TreeContents extends AsyncDisposable {
  /**
   * To be asked once for each inode, in the order of `walk`. A chunk is valid until the next one is asked for. Fails with CORRUPT_STORE where the size is not the node's.
   */
  read(file: PlacedNode<FileNode>): AsyncGenerator<Buffer>;
}

export function treeContents(stack: LayerStack, start: PlacedNode): TreeContents {
  return new Contents(stack, wantedBelow(start));
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

export interface NamedContent {
  /** The file's stored name as a key. */
  readonly name: string;
  /** To be read before the next file is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

/** The files with these stored names in the order in which the layer has them; it is read until the last of them. */
export async function* wantedFiles(layer: ImageLayer, wanted: ReadonlySet<string>): AsyncGenerator<NamedContent> {
  let left = wanted.size;
  if (left === 0) return;
  for await (const { storedName, content } of layer.pass((_entry, name) => wanted.has(nameKey(name)))) {
    if (content === null) continue;
    yield { name: nameKey(storedName), content };
    if (--left === 0) return;
  }
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
  readonly #stack: LayerStack;
  readonly #wanted: ReadonlyMap<number, ReadonlySet<string>>;
  /** The least recently used first. */
  readonly #open = new Map<number, AsyncIterator<NamedContent>>();
  readonly #done = new Set<number>();
  readonly #kept = new Map<string, Extent>();
  readonly #buffer = Buffer.allocUnsafeSlow(READ_SIZE);
  #spool: SpoolFile | null = null;
  #spooled = 0;

  constructor(stack: LayerStack, wanted: ReadonlyMap<number, ReadonlySet<string>>) {
    this.#stack = stack;
    this.#wanted = wanted;
  }

  async *read(file: PlacedNode<FileNode>): AsyncGenerator<Buffer> {
    const { layer, name } = keyOf(file);
    const { size } = file.node;
    let found = 0;
    for await (const bytes of this.#pieces(layer, name)) {
      found += bytes.length;
      if (found > size) break;
      yield bytes;
    }
    if (found === size) return;
    throw new LayerfsError(
      "CORRUPT_STORE",
      `${printableKey(file.path)}: its content has ${found > size ? "more" : found} bytes, expected ${size}`,
      { hint: "the file was changed after the layer was stored; load the image again" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const files of this.#open.values()) await files.return?.();
    this.#open.clear();
    await this.#spool?.file.close();
    this.#spool = null;
  }

  async *#pieces(layer: number, name: string): AsyncGenerator<Buffer> {
    const key = `${layer}/${name}`;
    if (!this.#kept.has(key) && !this.#done.has(layer)) {
      const files = await this.#use(layer);
      for (let next = await files.next(); !next.done; next = await files.next()) {
        if (next.value.name === name) return yield* next.value.content;
        await this.#keep(layer, next.value);
      }
      this.#forget(layer);
    }
    yield* this.#fromSpool(this.#kept.get(key));
  }

  /** The layer's files, from where they are. Where too many layers are open, the one that waits longest is read out. */
  async #use(layer: number): Promise<AsyncIterator<NamedContent>> {
    const open = this.#open.get(layer);
    this.#open.delete(layer);
    if (open === undefined && this.#open.size >= MAX_OPEN) await this.#readOut();
    const files = open ?? wantedFiles(this.#stack.layers[layer]!, this.#wanted.get(layer) ?? new Set());
    this.#open.set(layer, files);
    return files;
  }

  async #readOut(): Promise<void> {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    const [layer, files] = oldest;
    for (let next = await files.next(); !next.done; next = await files.next()) await this.#keep(layer, next.value);
    this.#forget(layer);
  }

  #forget(layer: number): void {
    this.#open.delete(layer);
    this.#done.add(layer);
  }

  /** Keeps a file whose turn is later. */
  async #keep(layer: number, { name, content }: NamedContent): Promise<void> {
    this.#spool ??= await openSpoolFile(tmpdir());
    const offset = this.#spooled;
    for await (const bytes of content) {
      // A hole stays one.
      if (!isZeros(bytes)) await this.#spool.write(bytes, this.#spooled);
      this.#spooled += bytes.length;
    }
    this.#kept.set(`${layer}/${name}`, { offset, length: this.#spooled - offset });
  }

  async *#fromSpool(extent: Extent | undefined): AsyncGenerator<Buffer> {
    if (extent === undefined || this.#spool === null) return;
    const { file } = this.#spool;
    for (let done = 0; done < extent.length; ) {
      const buffer = this.#buffer.subarray(0, extent.length - done);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, extent.offset + done);
      // What follows the last byte that was written is a hole.
      const bytes = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead);
      done += bytes.length;
      yield bytes;
    }
  }
}

function isZeros(bytes: Buffer): boolean {
  return bytes.length <= ZEROS.length && bytes.equals(ZEROS.subarray(0, bytes.length));
}
