import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { resolve as absolutePath, basename, dirname, join } from "node:path";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import { check, openDirectory, tryMkdirat, tryRenameat2 } from "../../sys/at.ts";
import { fromNodeError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import type { CopySource } from "./copy-source.ts";
import { type WrittenTree, writeTree } from "./write-tree.ts";

export interface CopiedOut {
  /** What the copy is called. */
  readonly target: string;
  readonly warnings: readonly Warning[];
}

export interface ToMachineOptions {
  /** Keep owners, which takes root; otherwise everything is the caller's. */
  readonly keepOwners?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies a node with all below it to this machine, by the rules of `docker cp`: into a directory that is there, else
 * under the destination's name; a file replaces a file; directories merge. Modes, times, links and attributes are kept.
 * What is new becomes visible when it is whole.
 *
 * Fails with NOT_FOUND (the directory of the destination), CONFLICT (a directory would replace what is none, or the
 * other way round), and what the system says.
 */
export async function copyToMachine(
  source: CopySource,
  destination: string,
  options: ToMachineOptions,
): Promise<CopiedOut> {
  const target = targetOf(source, destination);
  return { target, warnings: await write(source, target, options) };
}

/** The path that the copy gets. */
function targetOf({ isDirectory, name, contentOnly }: CopySource, destination: string): string {
  const given = look(statSync, destination);
  if (given?.isDirectory()) {
    const into = realpathSync(destination);
    return contentOnly ? into : join(into, fileName(name));
  }
  if (given === null) return newTarget(isDirectory, destination);
  if (given.isCharacterDevice() || given.isBlockDevice()) {
    const message = `${printable(destination)} must be a directory or a regular file: got a device`;
    throw new LayerfsError("CONFLICT", message);
  }
  if (isDirectory) {
    throw new LayerfsError("CONFLICT", `cannot copy directory: ${printable(destination)} is no directory`);
  }
  if (!destination.endsWith("/")) return realpathSync(destination);
  throw new LayerfsError("CONFLICT", `${printable(destination)} is no directory`, { errno: "ENOTDIR" });
}

/** Where nothing is yet; a symlink that leads there stays. */
function newTarget(isDirectory: boolean, destination: string): string {
  if (destination.endsWith("/") && !isDirectory) throw noDirectory(destination);
  const target = absolutePath(destination);
  const directory = dirname(target);
  if (!look(statSync, directory)?.isDirectory()) throw noDirectory(directory);
  if (!look(lstatSync, target)?.isSymbolicLink()) return target;
  return newTarget(isDirectory, absolutePath(realpathSync(directory), readlinkSync(target)));
}

function noDirectory(path: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", `no such directory: ${printable(path)}`, { errno: "ENOENT" });
}

async function write(
  source: CopySource,
  target: string,
  { keepOwners, signal }: ToMachineOptions,
): Promise<readonly Warning[]> {
  const { isDirectory } = source;
  const there = look(lstatSync, target);
  if (there !== null && there.isDirectory() !== isDirectory) {
    const [what, other] = isDirectory ? ["a directory", "no directory"] : ["no directory", "a directory"];
    throw new LayerfsError("CONFLICT", `${printable(target)} is ${other}, and ${what} cannot replace it`);
  }
  const owner = keepOwners ? undefined : { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const empty = Buffer.alloc(0);
  if (there?.isDirectory()) {
    const tar = source.tar({ name: empty, withStart: !source.contentOnly, owner, reuseBuffer: true });
    const written = await writeTree(openDirectory(target), tar, { ignoreOwners: true, nameWhenWhole: true, signal });
    written.setModes(target);
    return written.warnings;
  }
  return await inStaging(target, async (staging) => {
    const into = isDirectory ? join(staging, COPY) : staging;
    if (isDirectory) mkdirSync(into);
    const tar = source.tar({
      name: isDirectory ? empty : Buffer.from(COPY),
      withStart: true,
      owner,
      reuseBuffer: true,
    });
    return await writeTree(openDirectory(into), tar, { ignoreOwners: true, signal });
  });
}

const COPY = "copy";

/** Lets `fill` make the copy in a directory beside the target, and moves it to the target when it is whole. */
async function inStaging(target: string, fill: (copy: string) => Promise<WrittenTree>): Promise<readonly Warning[]> {
  const staging = `.${basename(target).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`;
  const parent = openDirectory(dirname(target));
  try {
    check(tryMkdirat(parent, Buffer.from(staging), 0o700), "create directory", staging);
    try {
      const written = await fill(join(dirname(target), staging));
      const from = Buffer.from(`${staging}/${COPY}`);
      check(tryRenameat2(parent, from, parent, Buffer.from(basename(target)), 0), "make", target);
      written.setModes(target);
      return written.warnings;
    } finally {
      removeTree(parent, Buffer.from(staging));
    }
  } finally {
    close(parent);
  }
}

/** A name in the source as a name of this machine. */
function fileName(name: Buffer): string {
  const text = name.toString();
  if (Buffer.from(text).equals(name)) return text;
  throw new LayerfsError("UNSUPPORTED", `${printable(name)}: its name is not UTF-8`, {
    hint: "give a destination with a name of its own, or copy the directory that it is in",
  });
}

function look(
  how: (path: string, options: { throwIfNoEntry: false }) => Stats | undefined,
  path: string,
): Stats | null {
  try {
    return how(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    throw fromNodeError(error, "look at", path);
  }
}
