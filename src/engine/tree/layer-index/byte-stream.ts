/** Collects numbers and bytes; what it made is read by `ByteReader` in the same order. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(64 << 10);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** An unsigned number up to 2^53: seven bits a byte, lowest first. */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7fffffff) {
      this.#buffer[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  /** An unsigned number in four bytes, lowest first. */
  uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  /** A number that may be negative. */
  signed(value: number): void {
    this.byte(value < 0 ? 1 : 0);
    this.number(Math.abs(value));
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** Text as UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#reserve(length);
    this.#length += this.#buffer.write(value, this.#length, "utf8");
  }

  /** Text of which each character is a byte. */
  latin1(value: string): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#length += this.#buffer.write(value, this.#length, "latin1");
  }

  /** All that was collected; it stays the writer's. */
  result(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + count));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Reads what a `ByteWriter` made. The bytes must be known to be undamaged, as by a checksum. */
export class ByteReader {
  readonly #buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position = 0) {
    this.#buffer = buffer;
    this.position = position;
  }

  byte(): number {
    return this.#buffer[this.position++]!;
  }

  number(): number {
    let byte = this.#buffer[this.position++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let factor = 128; byte >= 0x80; factor *= 128) {
      byte = this.#buffer[this.position++]!;
      value += (byte & 0x7f) * factor;
    }
    return value;
  }

  signed(): number {
    return this.byte() === 1 ? -this.number() : this.number();
  }

  bytes(): Buffer {
    const length = this.number();
    const start = this.position;
    this.position += length;
    return this.#buffer.subarray(start, this.position);
  }

  /** Bytes as UTF-8. */
  text(): string {
    const length = this.number();
    if (length === 0) return "";
    const text = this.#buffer.toString("utf8", this.position, this.position + length);
    this.position += length;
    return text;
  }

  latin1(): string {
    const length = this.number();
    const text = this.#buffer.toString("latin1", this.position, this.position + length);
    this.position += length;
    return text;
  }
}
