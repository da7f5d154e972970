import type { TarEntry } from "../../src/tar/entry.ts";
import { checksumOf, FIELD, type FieldName, GNU_MAGIC, USTAR_MAGIC } from "../../src/tar/header.ts";
import { writeOctal } from "../../src/tar/numeric.ts";
import { tarReader } from "../../src/tar/reader.ts";

/** One header block with a right checksum; each field as the raw text that is to lie in it. */
export function headerBlock(
  format: "v7" | "ustar" | "gnu",
  fields: Partial<Record<FieldName, string>>,
  patch: (block: Buffer) => void = () => {},
): Buffer {
  const block = Buffer.alloc(512);
  for (const key of ["mode", "uid", "gid", "size", "mtime"] as const) writeOctal(block, ...FIELD[key], 0);
  block.write(format === "v7" ? "" : format === "gnu" ? GNU_MAGIC : USTAR_MAGIC, FIELD.magic[0], "latin1");
  block.write("0", FIELD.typeflag[0]);
  for (const [key, text] of Object.entries(fields)) {
    const [start, length] = FIELD[key as FieldName];
    block.fill(0, start, start + length).write(text, start, length, "latin1");
  }
  patch(block);
  if (fields.checksum === undefined) writeOctal(block, FIELD.checksum[0], 7, checksumOf(block));
  return block;
}

/** `content` with its padding. */
export function blocks(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content as string, "latin1");
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A header that announces `content`, and the content. */
export function member(
  format: "v7" | "ustar" | "gnu",
  fields: Partial<Record<FieldName, string>>,
  content: Buffer | string,
): Buffer {
  const size = content.length.toString(8).padStart(11, "0");
  return Buffer.concat([headerBlock(format, { size, ...fields }), blocks(content)]);
}

export interface ReadMember {
  readonly entry: TarEntry;
  /** The payload's pieces, joined where one continues the other. */
  readonly pieces: { readonly position: number; readonly bytes: Buffer }[];
}

export interface ReadArchive {
  readonly members: readonly ReadMember[];
  /** Everything that the reader handed on, in order. */
  readonly bytes: Buffer;
  readonly raw: Buffer;
}

/** Reads an archive that comes in the given chunks, and checks that the events come in their order. */
export function readArchive(...chunks: readonly Buffer[]): ReadArchive {
  const members: ReadMember[] = [];
  const all: Buffer[] = [];
  const raw: Buffer[] = [];
  let open: ReadMember | undefined;
  const keep = (bytes: Buffer): Buffer => {
    if (bytes.length === 0) throw new Error("an event without bytes");
    all.push(Buffer.from(bytes));
    return all.at(-1)!;
  };
  const reader = tarReader({
    raw(bytes) {
      if (open !== undefined) throw new Error("raw bytes inside a payload");
      raw.push(keep(bytes));
    },
    entry(entry) {
      if (open !== undefined) throw new Error("an entry inside an entry");
      open = { entry, pieces: [] };
      members.push(open);
    },
    payload(bytes, position) {
      addPiece(open!.pieces, position, keep(bytes));
    },
    endEntry() {
      if (open === undefined) throw new Error("the end of no entry");
      open = undefined;
    },
  });
  for (const chunk of chunks) {
    const copy = Buffer.from(chunk);
    reader.write(copy);
    // Bytes are only valid during the call: whoever kept some must notice.
    copy.fill(0xee);
  }
  reader.end();
  return { members, bytes: Buffer.concat(all), raw: Buffer.concat(raw) };
}

function addPiece(pieces: ReadMember["pieces"], position: number, bytes: Buffer): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.position + last.bytes.length === position) {
    pieces[pieces.length - 1] = { position: last.position, bytes: Buffer.concat([last.bytes, bytes]) };
  } else pieces.push({ position, bytes });
}

/** The file that a member unpacks to, holes filled with zeros. */
export function expand({ entry, pieces }: ReadMember): Buffer {
  const file = Buffer.alloc(entry.size);
  for (const { position, bytes } of pieces) bytes.copy(file, position);
  return file;
}
