import { constants } from "node:fs";
import type { Readable } from "node:stream";
import type { ByteRange, View } from "../../../view/view.ts";
import { nodeError } from "./node-errors.ts";
import { type ImageStats, statsOf } from "./stats.ts";

/** The part of `fs.promises.FileHandle` that reads. */
export interface ImageFileHandle extends AsyncDisposable {
  readonly fd: number;
  /** Fills `buffer`; without a position it goes on where the last such read ended. `bytesRead` is 0 at the file's end. */
  read<B extends NodeJS.ArrayBufferView>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ readonly bytesRead: number; readonly buffer: B }>;
  readFile(options?: null): Promise<Buffer>;
  readFile(options: BufferEncoding | { readonly encoding: BufferEncoding }): Promise<string>;
  createReadStream(range?: ByteRange): Readable;
  stat(): Promise<ImageStats>;
  close(): Promise<void>;
}

const WRITING_FLAGS =
  constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

/** Opens a file or a directory to be read. Fails as `View`, with EROFS for flags that would write. */
export function openHandle(view: View, path: string | Uint8Array, flags: string | number): ImageFileHandle {
  const writes = typeof flags === "string" ? !/^r?s?$|^sr$/.test(flags) : (flags & WRITING_FLAGS) !== 0;
  if (writes) throw nodeError("EROFS", "open", path);
  const node = view.stat(path);
  const file = node.path;
  let position = 0;
  let isOpen = true;
  const requireOpen = (syscall: string): void => {
    if (!isOpen) throw nodeError("EBADF", syscall);
    if (syscall === "read" && node.kind === "directory") throw nodeError("EISDIR", "read");
  };
  const content = async (): Promise<Buffer> => {
    requireOpen("read");
    return await view.readFile(file);
  };
  const close = async (): Promise<void> => {
    isOpen = false;
  };
  const handle = {
    fd: -1,
    read: async (
      target: NodeJS.ArrayBufferView,
      offset?: number | null,
      length?: number | null,
      from?: number | bigint | null,
    ) => {
      requireOpen("read");
      const bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength).subarray(offset ?? 0);
      const wanted = Math.min(length ?? bytes.length, bytes.length);
      const start = from === null || from === undefined || from < 0 ? position : Number(from);
      let bytesRead = 0;
      if (wanted > 0) {
        for await (const chunk of view.read(file, { start, end: start + wanted - 1 })) {
          bytesRead += chunk.copy(bytes, bytesRead);
        }
      }
      if (from === null || from === undefined || from < 0) position += bytesRead;
      return { bytesRead, buffer: target };
    },
    readFile: async (options?: BufferEncoding | { encoding: BufferEncoding } | null) => {
      const bytes = await content();
      const encoding = typeof options === "object" ? options?.encoding : options;
      return encoding ? bytes.toString(encoding) : bytes;
    },
    createReadStream: (range?: ByteRange) => view.createReadStream(file, range),
    stat: async () => statsOf(node),
    close,
    [Symbol.asyncDispose]: close,
  };
  return handle as ImageFileHandle;
}
