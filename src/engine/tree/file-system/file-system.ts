import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { View, ViewNode } from "../../../view/view.ts";
import { direntOf, type ImageDirent } from "./dirent.ts";
import { type ImageFileHandle, openHandle } from "./file-handle.ts";
import { asNodeError, nodeError } from "./node-errors.ts";
import { type BigIntImageStats, bigIntStatsOf, type ImageStats, statsOf } from "./stats.ts";

/** As in `node:fs`; a `file:` URL counts from the image's root. */
export type FsPath = string | Uint8Array | URL;
export type FsEncoding = BufferEncoding | "buffer";
type EncodingOptions = FsEncoding | null | { readonly encoding?: FsEncoding | null | undefined } | undefined;

interface ReaddirOptions {
  readonly encoding?: FsEncoding | null | undefined;
  readonly withFileTypes?: boolean | undefined;
  readonly recursive?: boolean | undefined;
}

type Bytes<O> = O extends "buffer" | { readonly encoding: "buffer" } ? Buffer : string;
type Stat<O> = O extends { readonly bigint: true } ? BigIntImageStats : ImageStats;
type Listed<O> = O extends { readonly withFileTypes: true } ? ImageDirent<Bytes<O>> : Bytes<O>;
type Content<O> = O extends BufferEncoding | { readonly encoding: BufferEncoding } ? string : Buffer;

/**
 * An image in the shape of `node:fs/promises`, so that code which reads through that runs on it. Errors are those of
 * `node:fs` (`code` ENOENT, ENOTDIR, ELOOP, EISDIR, EINVAL, ...), and EROFS for what would write. Names that are not
 * UTF-8 come whole with `encoding: "buffer"`. Relative paths count from the image's root.
 */
export interface ImageFileSystem {
  access(path: FsPath, mode?: number): Promise<void>;
  stat<O extends { readonly bigint?: boolean } | undefined>(path: FsPath, options?: O): Promise<Stat<O>>;
  lstat<O extends { readonly bigint?: boolean } | undefined>(path: FsPath, options?: O): Promise<Stat<O>>;
  readdir<const O extends FsEncoding | null | ReaddirOptions | undefined>(
    path: FsPath,
    options?: O,
  ): Promise<Listed<O>[]>;
  opendir(path: FsPath): Promise<AsyncIterable<ImageDirent<string>>>;
  readlink<const O extends EncodingOptions>(path: FsPath, options?: O): Promise<Bytes<O>>;
  realpath<const O extends EncodingOptions>(path: FsPath, options?: O): Promise<Bytes<O>>;
  readFile<
    const O extends BufferEncoding | null | { readonly encoding?: BufferEncoding | null | undefined } | undefined,
  >(path: FsPath | ImageFileHandle, options?: O): Promise<Content<O>>;
  open(path: FsPath, flags?: string | number): Promise<ImageFileHandle>;
}

/** W_OK of access(2). */
const MAY_WRITE = 2;

/** The file system of a view. Functions that would write are there too, and fail with EROFS. */
export function fileSystemOf(view: View): ImageFileSystem {
  const call = async <T>(syscall: string, path: FsPath, act: (path: string | Uint8Array) => T | Promise<T>) => {
    const plain = path instanceof URL ? fileURLToPath(path) : path;
    if (isWithNul(plain)) throw nulPath(plain);
    try {
      return await act(plain);
    } catch (error) {
      throw asNodeError(error, syscall, plain);
    }
  };
  const stat = (node: ViewNode, bigint = false) => (bigint ? bigIntStatsOf(node) : statsOf(node));
  const reads = {
    access: (path: FsPath, mode = 0) =>
      call("access", path, (at) => {
        view.stat(at);
        if ((mode & MAY_WRITE) !== 0) throw nodeError("EROFS", "access", at);
      }),
    stat: (path: FsPath, options?: { bigint?: boolean }) =>
      call("stat", path, (at) => stat(view.stat(at), options?.bigint)),
    lstat: (path: FsPath, options?: { bigint?: boolean }) =>
      call("lstat", path, (at) => stat(view.lstat(at), options?.bigint)),
    readdir: (path: FsPath, options?: FsEncoding | null | ReaddirOptions) =>
      call("scandir", path, (at) => listed(view, at, typeof options === "string" ? { encoding: options } : options)),
    opendir: (path: FsPath) =>
      call("opendir", path, (at) => Readable.from(listed(view, at, { withFileTypes: true })) as AsyncIterable<never>),
    readlink: (path: FsPath, options?: EncodingOptions) =>
      call("readlink", path, (at) => encoded(view.readlink(at), options)),
    realpath: (path: FsPath, options?: EncodingOptions) =>
      call("realpath", path, (at) => encoded(view.realpath(at), options)),
    open: (path: FsPath, flags: string | number = "r") => call("open", path, (at) => openHandle(view, at, flags)),
    readFile: async (path: FsPath | ImageFileHandle, options?: EncodingOptions) => {
      if (typeof path === "object" && "readFile" in path) return path.readFile(options as BufferEncoding);
      return call("open", path, async (at) => encoded(await view.readFile(at), options ?? "buffer"));
    },
  };
  return { ...refusals(), ...reads } as unknown as ImageFileSystem;
}

const WRITING = [
  ...["appendFile", "chmod", "chown", "copyFile", "cp", "lchmod", "lchown", "link", "lutimes", "mkdir", "mkdtemp"],
  ...["rename", "rm", "rmdir", "symlink", "truncate", "unlink", "utimes", "writeFile"],
];

function refusals(): Record<string, (path: FsPath) => Promise<never>> {
  const refuse = (name: string) => async (path: FsPath) => {
    throw nodeError("EROFS", name.toLowerCase(), path instanceof URL ? path.pathname : path);
  };
  return Object.fromEntries(WRITING.map((name) => [name, refuse(name)]));
}

function listed(view: View, path: string | Uint8Array, options: ReaddirOptions | null = {}): unknown[] {
  const { encoding, withFileTypes = false, recursive = false } = options ?? {};
  const base = Buffer.from(path as Uint8Array);
  const real = view.realpath(path);
  const prefix = real.length === 1 ? 1 : real.length + 1;
  const direct = view.readdir(path);
  const found = recursive ? [...view.walk({ from: path })].slice(1) : direct;
  return found.map((node) => {
    const name = node.path.subarray(prefix);
    return withFileTypes ? direntOf(node, name, base, (bytes) => encoded(bytes, encoding)) : encoded(name, encoding);
  });
}

function encoded(bytes: Buffer, options: EncodingOptions): string | Buffer {
  const encoding = (typeof options === "object" ? options?.encoding : options) ?? "utf8";
  return encoding === "buffer" ? bytes : bytes.toString(encoding);
}

function isWithNul(path: string | Uint8Array): boolean {
  return typeof path === "string" ? path.includes("\0") : path.includes(0);
}

function nulPath(path: string | Uint8Array): Error {
  const error = new TypeError("The argument 'path' must be a string, Uint8Array, or URL without null bytes.");
  return Object.assign(error, { code: "ERR_INVALID_ARG_VALUE", path });
}
