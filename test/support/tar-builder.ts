/** A node for `layerTar`. Everything but the name has a default. */
export interface TestEntry {
  readonly name: string | Buffer;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";
  readonly data?: string | Buffer;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds, or decimal text for a PAX time. */
  readonly mtime?: number | string;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
  /** Replaces the type's own flag, for types that do not exist. */
  readonly typeflag?: string;
  /** Replaces the size in the header. */
  readonly size?: number;
}

const TYPEFLAGS = { file: "0", hardlink: "1", symlink: "2", char: "3", block: "4", directory: "5", fifo: "6" };
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(1024);

/** A ustar archive with PAX headers where they are needed. Shares no code with layerfs's own writer. */
export function layerTar(entries: readonly TestEntry[]): Buffer {
  return Buffer.concat([...entries.map(encodeEntry), END_OF_ARCHIVE]);
}

export function encodeEntry(entry: TestEntry): Buffer {
  const name = Buffer.from(entry.name);
  const data = Buffer.from(entry.data ?? "");
  const records = paxRecords(entry, name);
  const extended =
    records.length === 0 ? [] : [header({ name: "pax", typeflag: "x" }, records.length), padded(records)];
  return Buffer.concat([...extended, header(entry, entry.size ?? data.length), padded(data)]);
}

export function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** One header block; what does not fit its field is left to PAX. */
export function header(entry: TestEntry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const type = entry.type ?? "file";
  const number = (value: number, at: number, length: number): void => {
    block.write(
      Math.max(0, value)
        .toString(8)
        .padStart(length - 1, "0")
        .slice(-(length - 1)),
      at,
      "latin1",
    );
  };
  Buffer.from(entry.name).copy(block, 0, 0, 100);
  number(entry.mode ?? (type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644), 100, 8);
  number(entry.uid ?? 0, 108, 8);
  number(entry.gid ?? 0, 116, 8);
  number(size, 124, 12);
  number(typeof entry.mtime === "number" ? entry.mtime : 1_700_000_000, 136, 12);
  block.write(entry.typeflag ?? TYPEFLAGS[type], 156, "latin1");
  block.write(entry.link ?? "", 157, 100);
  block.write("ustar\x0000", 257, "latin1");
  number(entry.device?.[0] ?? 0, 329, 8);
  number(entry.device?.[1] ?? 0, 337, 8);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function paxRecords(entry: TestEntry, name: Buffer): Buffer {
  const records: Buffer[] = [];
  if (name.length > 100) records.push(paxRecord("path", name));
  if ((entry.link ?? "").length > 100) records.push(paxRecord("linkpath", entry.link ?? ""));
  if (typeof entry.mtime === "string") records.push(paxRecord("mtime", entry.mtime));
  for (const key of ["uid", "gid"] as const) {
    if ((entry[key] ?? 0) >= 8 ** 7) records.push(paxRecord(key, String(entry[key])));
  }
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) records.push(paxRecord(`SCHILY.xattr.${key}`, value));
  return Buffer.concat(records);
}
