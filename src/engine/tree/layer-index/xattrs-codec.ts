import type { ByteReader, ByteWriter } from "./byte-stream.ts";

/** `decodeXattrs` reads what this writes. */
export function encodeXattrs(writer: ByteWriter, xattrs: ReadonlyMap<string, Buffer>): void {
  writer.number(xattrs.size);
  for (const [key, value] of xattrs) {
    writer.text(key);
    writer.bytes(value);
  }
}

export function decodeXattrs(reader: ByteReader): ReadonlyMap<string, Buffer> {
  return new Map(Array.from({ length: reader.number() }, (): [string, Buffer] => [reader.text(), reader.bytes()]));
}
