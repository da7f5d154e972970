/** A file of an archive. Names are UTF-8 without a slash before; a directory's ends in a slash. */
export interface ArchiveFile {
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  readonly content?: Buffer;
  /** Target of a symlink; for a hard link the name of an earlier file of the archive. */
  readonly link?: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970; a fraction is given as the decimal text that PAX has for it. */
  readonly mtime: number | string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

const blockSize = 512;
const typeflags = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;

/** The archive as POSIX.1-2001 tar bytes: ustar headers, and PAX records where ustar has no room. Same input, same bytes. */
export function archive(files: readonly ArchiveFile[]): Buffer {
  return Buffer.concat([...files.flatMap(encode), Buffer.alloc(2 * blockSize)]);
}

function encode(file: ArchiveFile): Buffer[] {
  const records = extendedRecords(file);
  const extended =
    records.length === 0
      ? []
      : member("x", { ...file, name: "PaxHeaders/file", link: "", mode: 0o644, mtime: 0 }, records);
  return [...extended, ...member(typeflags[file.kind], file, file.content ?? Buffer.alloc(0))];
}

function extendedRecords(file: ArchiveFile): Buffer {
  const records: [string, string][] = [];
  if (!fits(file.name)) records.push(["path", file.name]);
  if (!fits(file.link ?? "")) records.push(["linkpath", file.link ?? ""]);
  if (typeof file.mtime === "string") records.push(["mtime", file.mtime]);
  for (const [name, value] of Object.entries(file.xattrs ?? {})) records.push([`SCHILY.xattr.${name}`, value]);
  return Buffer.concat(records.map(([key, value]) => record(key, value)));
}

function fits(name: string): boolean {
  return /^[\x20-\x7e]{0,100}$/.test(name);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  const length = size + String(size + String(size).length).length;
  return Buffer.from(`${length}${rest}`);
}

function member(typeflag: string, file: ArchiveFile, content: Buffer): Buffer[] {
  const header = Buffer.alloc(blockSize);
  header.write(file.name, 0, 100, "utf8");
  header.write(octal(file.mode, 7), 100);
  header.write(octal(file.uid ?? 0, 7), 108);
  header.write(octal(file.gid ?? 0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(Math.trunc(Number(file.mtime)), 11), 136);
  header.write(" ".repeat(8), 148);
  header.write(typeflag, 156);
  header.write(file.link ?? "", 157, 100, "utf8");
  header.write("ustar\0" + "00", 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)}\0 `, 148);
  return [header, content, Buffer.alloc((blockSize - (content.length % blockSize)) % blockSize)];
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
