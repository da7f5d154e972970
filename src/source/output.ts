import { randomBytes } from "node:crypto";
import { realpathSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import { fsyncDirectory } from "../sys/durable.ts";
import { fromNodeError } from "../sys/errno.ts";
import { nameFile, openNamelessFile } from "../sys/nameless-file.ts";

/** Where an archive's bytes go, in order. */
export interface Output extends AsyncDisposable {
  /** Resolves when the bytes are taken, and may be written over. */
  write(bytes: Uint8Array): Promise<void>;
  /** All is written. What is disposed of without it leaves no file, and one that was there as it was. */
  commit(): Promise<void>;
}

/**
 * A file that becomes visible, whole and durable, with `commit`, in place of one that was there; a symlink to a file
 * stays. Unless `mode` says otherwise, only its owner may read it, as Docker has it. Fails with USAGE, before a byte is written, where no file can be:
 * in a directory that is absent, or in place of a directory, a device or a pipe.
 */
export async function fileOutput(path: string, options: { readonly mode?: number } = {}): Promise<Output> {
  const target = targetOf(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  const mode = options.mode ?? 0o600;
  const nameless = await naming(path, () => openNamelessFile(dirname(target), mode));
  const file = nameless ?? (await naming(path, () => open(temporary, "wx", mode)));
  let isDone = false;
  const end = async (): Promise<void> => {
    if (isDone) return;
    isDone = true;
    await file.close();
    rmSync(temporary, { force: true });
  };
  return {
    write: (bytes) => naming(path, () => writeAll(file, bytes)),
    commit: async () => {
      await naming(path, async () => {
        await file.sync();
        // A link takes the place of nothing, a rename does.
        if (nameless !== null) nameFile(nameless, temporary);
        renameSync(temporary, target);
      });
      await end();
      fsyncDirectory(dirname(target));
    },
    [Symbol.asyncDispose]: end,
  };
}

/** A stream, which stays open. Bytes that are written are out, whatever comes after. */
export function streamOutput(stream: NodeJS.WritableStream): Output {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(fromNodeError(error, "write", "the archive")) : resolve()));
      }),
    commit: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Lets failures name the path that the user gave. */
async function naming<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw fromNodeError(error, "write", path);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
  }
}

function targetOf(path: string): string {
  const absolute = resolve(path);
  if (!statOf(dirname(absolute))?.isDirectory()) {
    throw refused(path, `directory ${printable(dirname(path))} does not exist`);
  }
  const found = statOf(absolute);
  if (found === undefined) return absolute;
  if (found.isDirectory()) throw refused(path, "it is a directory");
  if (!found.isFile())
    throw refused(path, "it is a device, a pipe or a socket", "name a file; save without -o writes to stdout");
  return realpathSync(absolute);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw fromNodeError(error, "look at", path);
  }
}

function refused(path: string, problem: string, hint?: string): LayerfsError {
  return new LayerfsError("USAGE", `invalid output path ${printable(path)}: ${problem}`, { hint });
}
