/** Gathers what is written into it in chunks of one size, each a buffer of its own unless it may be reused. */
export class Chunks {
  readonly #size: number;
  readonly #reuseBuffer: boolean;
  #buffer: Buffer;
  #fill = 0;

  constructor(size: number, reuseBuffer: boolean) {
    this.#size = size;
    this.#reuseBuffer = reuseBuffer;
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Where the next bytes go; never empty. `advance` says how many there are. */
  get room(): Buffer {
    return this.#buffer.subarray(this.#fill);
  }

  *advance(count: number): Generator<Buffer> {
    this.#fill += count;
    if (this.#fill < this.#size) return;
    yield this.#buffer;
    if (!this.#reuseBuffer) this.#buffer = Buffer.allocUnsafeSlow(this.#size);
    this.#fill = 0;
  }

  *add(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const count = bytes.copy(this.room, 0, at);
      at += count;
      yield* this.advance(count);
    }
  }

  *end(): Generator<Buffer> {
    if (this.#fill > 0) yield this.#buffer.subarray(0, this.#fill);
  }
}
