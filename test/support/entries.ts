import type { TarEntry } from "../../src/tar/entry.ts";

const TYPEFLAGS: Readonly<Record<TarEntry["kind"], string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  unknown: "Z",
};

export type EntryFields = Partial<Omit<TarEntry, "name" | "linkname">> & {
  readonly name: string | Buffer;
  readonly linkname?: string | Buffer;
};

/** An entry as the tar reader would give it; text is taken as latin1. */
export function tarEntry(fields: EntryFields): TarEntry {
  const kind = fields.kind ?? "file";
  const size = fields.size ?? 0;
  return {
    offset: 0,
    typeflag: TYPEFLAGS[kind],
    mode: kind === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    mtime: { seconds: 0, nanoseconds: 0 },
    devmajor: 0,
    devminor: 0,
    xattrs: new Map(),
    sparse: null,
    ...fields,
    kind,
    size,
    payloadSize: fields.payloadSize ?? size,
    name: bytes(fields.name),
    linkname: bytes(fields.linkname ?? ""),
  };
}

function bytes(text: string | Buffer): Buffer {
  return typeof text === "string" ? Buffer.from(text, "latin1") : text;
}
