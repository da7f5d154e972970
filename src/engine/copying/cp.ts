import { resolve as absolutePath } from "node:path";
import { openContainer } from "../../container/access.ts";
import { noSuchFile, resolveInContainer } from "../../container/container-path.ts";
import { resolveContainer } from "../../container/resolve.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { openTree } from "../../mount/detached.ts";
import { resolveInRoot } from "../../sys/resolve-in-root.ts";
import { containerOfName, type FoundContainer, type TreeType } from "../containers/container-of-name.ts";
import type { ReadOptions } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { openStack, type StackFinder } from "../tree/layer-stack.ts";
import type { CopySource, FollowOptions } from "./copy-source.ts";
import { imageSource } from "./image-source.ts";
import {
  type CopiedIn,
  copyIntoContainer,
  extractIntoContainer,
  type IntoContainerOptions,
  type WritableContainer,
} from "./into-container.ts";
import { type CopiedOut, copyToMachine, type ToMachineOptions } from "./to-machine.ts";
import { treeSource } from "./tree-source.ts";

export interface CopyOptions extends ReadOptions, FollowOptions, ToMachineOptions {
  /** What the name is. Default: a container, or else an image. */
  readonly type?: TreeType | undefined;
  /** Of a tar: a chunk is valid until the next one is asked for, which takes less memory. */
  readonly reuseBuffer?: boolean | undefined;
}

export interface CopyInOptions extends FollowOptions, IntoContainerOptions {}

/** The node at a path with all below it as a tar, under its own name; of `x/.` and of the root, the content. */
export async function* copyTar(finder: StackFinder, path: string, options: CopyOptions): AsyncGenerator<Buffer> {
  await using source = await openSource(finder, path, options);
  const name = source.contentOnly ? Buffer.alloc(0) : source.name;
  yield* source.tar({ name, withStart: true, reuseBuffer: options.reuseBuffer });
}

/** Copies what is at a path of a container or image to this machine; see `copyToMachine`. */
export async function copyOut(
  finder: StackFinder,
  path: string,
  destination: string,
  options: CopyOptions,
): Promise<CopiedOut> {
  await using source = await openSource(finder, path, options);
  return await copyToMachine(source, destination, options);
}

/** Copies a path of this machine into a container; see `copyIntoContainer`. */
export async function copyIn(
  stores: Stores,
  container: string,
  source: string,
  path: string,
  options: CopyInOptions,
): Promise<CopiedIn> {
  using machine = openTree("/");
  using place = resolveInRoot(machine.fd, Buffer.from(absoluteSource(source)), {
    followLast: options.followLink ?? false,
  });
  if (place.stat === null) {
    throw new LayerfsError("NOT_FOUND", `${printable(source)}: no such file or directory`, { errno: "ENOENT" });
  }
  using opened = await openForWriting(stores, container, options);
  return await copyIntoContainer(opened, treeSource(place, source), path, options);
}

/** Adds a tar to a directory of a container; see `extractIntoContainer`. */
export async function copyTarIn(
  stores: Stores,
  container: string,
  tar: AsyncIterable<Uint8Array>,
  path: string,
  options: IntoContainerOptions,
): Promise<CopiedIn> {
  using opened = await openForWriting(stores, container, options);
  return await extractIntoContainer(opened, tar, path, options);
}

async function openSource(
  finder: StackFinder,
  path: string,
  options: CopyOptions,
): Promise<CopySource & AsyncDisposable> {
  const found = await containerOfName(finder, options.type);
  if (found === null) {
    return await openStack(finder, async (stack) => ({
      ...(await imageSource(stack, path, options)),
      [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
    }));
  }
  return await containerSource(found, path, options);
}

async function containerSource(
  { stores: store, container }: FoundContainer,
  path: string,
  { followLink = false, signal }: CopyOptions,
): Promise<CopySource & AsyncDisposable> {
  const tree = await openContainer(store, container, "read", signal);
  try {
    const opened = { store, container, root: tree.fd };
    const place = resolveInContainer(opened, path, { followLast: followLink });
    if (place.stat === null) throw noSuchFile(opened, path);
    const dispose = async (): Promise<void> => {
      place[Symbol.dispose]();
      tree[Symbol.dispose]();
    };
    return { ...treeSource(place, path), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    tree[Symbol.dispose]();
    throw error;
  }
}

async function openForWriting(
  stores: Stores,
  text: string,
  { signal }: IntoContainerOptions,
): Promise<WritableContainer & Disposable> {
  const container = resolveContainer(stores, text);
  const tree = await openContainer(stores, container, "write", signal);
  const { ignoreOwners } = stores;
  return { store: stores, container, root: tree.fd, ignoreOwners, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

/** Without losing a slash or `/.` at the end, which say something. */
function absoluteSource(path: string): string {
  const [end = ""] = /(?:\/\.?|(?<=^|\/)\.)\/*$/.exec(path) ?? [];
  return `${absolutePath(path)}${end === "" ? "" : end.includes(".") ? "/." : "/"}`;
}
