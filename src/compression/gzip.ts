import { constants, crc32, createDeflateRaw, type DeflateRaw } from "node:zlib";

/** Of the uncompressed bytes. Each block is deflated on its own, which makes the whole 0.3 % larger. */
const BLOCK_SIZE = 1 << 20;
/** Blocks of one stream that are deflated at the same time. The bytes depend on it. */
const AT_ONCE = 2;
/** Of a Debian image level 5 made 2 % less in a quarter more of the time, level 6 2.2 % less in two thirds more. */
const LEVEL = 4;

/** No name, no time, and an unknown system, so that it is the same everywhere (RFC 1952, section 2.3). */
const HEADER: Buffer = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** A last block of deflate without a byte in it (RFC 1951, section 3.2.6). */
const END: Buffer = Buffer.from([0x03, 0x00]);

/**
 * One gzip member of the bytes of `source`, however they are cut into chunks, with the same bytes each time under one
 * version of Node.js on one kind of processor. It is deflated block by block, several at a time, on libuv's thread pool.
 * A chunk of `source` may be written over when the next is asked for. Errors of `source` pass through as they are.
 */
export async function* gzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const blocks = Array.from({ length: AT_ONCE }, () => new Block());
  const running: Block[] = [];
  let at = 0;
  let checksum = 0;
  let length = 0;
  try {
    yield HEADER;
    for await (const chunk of source) {
      checksum = crc32(chunk, checksum);
      length += chunk.length;
      for (let taken = 0; taken < chunk.length; ) {
        const block = blocks[at]!;
        taken += block.fill(chunk.subarray(taken));
        if (!block.isFull) continue;
        running.push(block);
        block.deflate();
        at = (at + 1) % AT_ONCE;
        if (running.length === AT_ONCE) yield await running.shift()!.deflated;
      }
    }
    for (const block of running) yield await block.deflated;
    const last = blocks[at]!;
    if (!last.isEmpty) yield await last.deflate();
    yield END;
    yield trailer(checksum, length);
  } finally {
    for (const block of blocks) block[Symbol.dispose]();
  }
}

/** A block's bytes, and what deflates them. Both are used again for later blocks. */
class Block implements Disposable {
  deflated: Promise<Buffer> = Promise.resolve(END);
  readonly #bytes = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  readonly #deflater: DeflateRaw = createDeflateRaw({
    level: LEVEL,
    chunkSize: BLOCK_SIZE / 8,
    // All of a block's output fits in, so that none is waited for before the block is done.
    readableHighWaterMark: 2 * BLOCK_SIZE,
  } as object);
  #length = 0;

  get isFull(): boolean {
    return this.#length === BLOCK_SIZE;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Takes as many of the bytes as there is room for, and returns how many. */
  fill(bytes: Uint8Array): number {
    const part = bytes.subarray(0, BLOCK_SIZE - this.#length);
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
    return part.length;
  }

  /** Empties the block. It may be filled again once the bytes are there. */
  deflate(): Promise<Buffer> {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.deflated = new Promise((resolve, reject) => {
      this.#deflater.once("error", reject);
      this.#deflater.write(bytes);
      // After it nothing refers back to this block.
      this.#deflater.flush(constants.Z_FULL_FLUSH, () => {
        this.#deflater.removeListener("error", reject);
        resolve(this.#deflater.read());
      });
    });
    this.deflated.catch(() => {}); // told when its turn comes
    return this.deflated;
  }

  [Symbol.dispose](): void {
    this.#deflater.destroy();
  }
}

/** The length is kept modulo 2^32. */
function trailer(checksum: number, length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(checksum, 0);
  bytes.writeUInt32LE(length % 2 ** 32, 4);
  return bytes;
}
