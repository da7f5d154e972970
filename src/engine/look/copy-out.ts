import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { resolve as absolutePath, basename, dirname, join } from "node:path";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import { check, openDirectory, tryMkdirat, tryRenameat2 } from "../../sys/at.ts";
import { fromNodeError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { exportTree } from "../../view/export.ts";
import { resolve } from "../../view/lookup.ts";
import type { MergedTree } from "../../view/merged-tree.ts";
import type { PlacedNode } from "../../view/node.ts";
import { type LayerStack, readStack, type StackFinder, streamStack } from "../tree/layer-stack.ts";
import { treeContents } from "../tree/tree-contents.ts";
import type { ExportOptions } from "./export-image.ts";
import { type WrittenTree, writeTree } from "./write-tree.ts";

export interface CopyOptions extends ExportOptions {
  /** Where the path leads to a symlink, copy what that leads to, inside the image. */
  readonly followLink?: boolean | undefined;
  /** Keep owners, which takes root; otherwise everything is the caller's. */
  readonly keepOwners?: boolean | undefined;
}

export interface CopiedOut {
  /** What the copy is called. */
  readonly target: string;
  readonly warnings: readonly Warning[];
}

/** A path of an image as `docker cp` reads it: `x/.` and the root stand for what is in a directory. */
interface CopySource {
  readonly place: PlacedNode;
  readonly name: Buffer;
  readonly contentOnly: boolean;
}

/** The node at a path with all below it as a tar, under its own name; of `x/.` and of the root, the content. */
export function copyTar(finder: StackFinder, path: string, options: CopyOptions): AsyncGenerator<Buffer> {
  return streamStack(finder, async function* (stack): AsyncGenerator<Buffer> {
    const source = findSource((await stack.view()).tree, path, options);
    const name = source.contentOnly ? Buffer.alloc(0) : source.name;
    yield* tarOf(stack, source, { name, withStart: true, reuseBuffer: options.reuseBuffer });
  });
}

/**
 * Copies a node with all below it to this machine, by the rules of `docker cp`: into a directory that is there, else
 * under the destination's name; a file replaces a file; directories merge. Modes, times, links and attributes are kept.
 * What is new becomes visible when it is whole.
 *
 * Fails with NOT_FOUND (the path, or the directory of the destination), CONFLICT (a directory would replace what is
 * none, or the other way round), and what the system says.
 */
export function copyOut(
  finder: StackFinder,
  path: string,
  destination: string,
  options: CopyOptions,
): Promise<CopiedOut> {
  return readStack(finder, async (stack) => {
    const source = findSource((await stack.view()).tree, path, options);
    const target = targetOf(source, destination);
    return { target, warnings: await write(stack, source, target, options) };
  });
}

function findSource(tree: MergedTree, path: string, { followLink = false }: CopyOptions): CopySource {
  const place = resolve(tree, Buffer.from(path), { followLast: followLink });
  const isDirectory = place.node.kind === "directory";
  const written = /([^/]+)\/*$/.exec(path)?.[1] ?? "";
  const isName = written !== "" && written !== "." && written !== "..";
  const name = isName ? Buffer.from(written) : Buffer.from(place.path.slice(place.path.lastIndexOf("/") + 1), "latin1");
  return { place, name, contentOnly: isDirectory && (place.path === "" || /(^|\/)\.\/*$/.test(path)) };
}

/** The path that the copy gets. */
function targetOf({ place, name, contentOnly }: CopySource, destination: string): string {
  const isDirectory = place.node.kind === "directory";
  const given = look(statSync, destination);
  if (given?.isDirectory()) {
    const into = realpathSync(destination);
    return contentOnly ? into : join(into, fileName(name));
  }
  if (given === null) {
    if (destination.endsWith("/") && !isDirectory) {
      throw new LayerfsError("NOT_FOUND", `no such directory: ${printable(destination)}`, { errno: "ENOENT" });
    }
    const target = absolutePath(destination);
    if (look(statSync, dirname(target))?.isDirectory()) return target;
    throw new LayerfsError("NOT_FOUND", `no such directory: ${printable(dirname(target))}`, { errno: "ENOENT" });
  }
  if (isDirectory) {
    throw new LayerfsError("CONFLICT", `${printable(destination)} is no directory: cannot copy a directory to it`);
  }
  if (!destination.endsWith("/")) return realpathSync(destination);
  throw new LayerfsError("CONFLICT", `${printable(destination)} is no directory`, { errno: "ENOTDIR" });
}

async function write(
  stack: LayerStack,
  source: CopySource,
  target: string,
  options: CopyOptions,
): Promise<readonly Warning[]> {
  const there = look(lstatSync, target);
  const isDirectory = source.place.node.kind === "directory";
  if (there !== null && there.isDirectory() !== isDirectory) {
    const [what, other] = isDirectory ? ["a directory", "no directory"] : ["no directory", "a directory"];
    throw new LayerfsError("CONFLICT", `${printable(target)} is ${other}, and ${what} cannot replace it`);
  }
  const owner = options.keepOwners ? undefined : { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const empty = Buffer.alloc(0);
  if (there?.isDirectory()) {
    const tar = tarOf(stack, source, { name: empty, withStart: !source.contentOnly, owner, reuseBuffer: true });
    const written = await writeTree(target, tar, options.signal);
    written.setModes(target);
    return written.warnings;
  }
  return await inStaging(target, async (staging) => {
    const into = isDirectory ? join(staging, COPY) : staging;
    if (isDirectory) mkdirSync(into);
    const tar = tarOf(stack, source, {
      name: isDirectory ? empty : Buffer.from(COPY),
      withStart: true,
      owner,
      reuseBuffer: true,
    });
    return await writeTree(into, tar, options.signal);
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

interface TarOptions {
  readonly name: Buffer;
  readonly withStart: boolean;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly reuseBuffer: boolean | undefined;
}

async function* tarOf(stack: LayerStack, { place }: CopySource, options: TarOptions): AsyncGenerator<Buffer> {
  await using contents = treeContents(stack, place);
  yield* exportTree(place, { ...options, content: (file) => contents.read(file) });
}

/** A name of the image as a name of this machine. */
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
