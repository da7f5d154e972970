import { LayerfsError, printable } from "../core/errors.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { ChangeTarget, Directory, Found } from "./change-target.ts";
import {
  type Components,
  classifyEntry,
  classifyPlain,
  type EntryPath,
  joinKey,
  NAME_MAX,
  nameKey,
  PATH_MAX,
  pathKey,
  printableKey,
  tooLong,
} from "./entry-path.ts";

/** What an entry did: `path` is the real path of the node it made, null where it made none (a whiteout, say). */
export interface Effect {
  readonly path: string | null;
}

export interface Changeset {
  /**
   * Applies one entry. Fails with INVALID_LAYER where the entry cannot be part of a layer: a duplicate path (unless
   * `duplicates` is "last-wins"), a hard link without a target, a type that is unknown, a device that overlayfs
   * reserves.
   */
  add(entry: TarEntry): Effect;
}

export interface ChangesetOptions {
  /** Docker refuses a layer that holds a path twice; a reader may take the last one. */
  readonly duplicates: "refuse" | "last-wins";
  /** Called for each duplicate that is taken. */
  readonly onDuplicate?: (path: string) => void;
  /** The tar is no layer: names that begin with `.wh.` are names like all others. */
  readonly plain?: boolean;
}

const MAX_SYMLINKS = 255;
const MAX_CACHED_PARENTS = 4096;
const NONE: Effect = { path: null };
const SLASH = 0x2f;

/**
 * The changeset algorithm: what the entries of a layer, in their order, do to the tree below it.
 * Source: OCI image specification, layer.md, "Applying Changesets".
 *
 * Where the specification is silent: a parent that is a symlink is followed inside the root; a parent that is missing,
 * or is no directory, becomes a directory, but never for a whiteout, which then has nothing to hide; whiteouts never hide
 * what their own layer holds, wherever they stand.
 */
export function changeset<D extends Directory>(target: ChangeTarget<D>, options: ChangesetOptions): Changeset {
  const seen = new Set<string>();
  const parents = new Map<string, D>();
  /** Symlinks and directories that cached parents were reached by, besides the directories above them. */
  const passed = new Set<string>();

  const classify = classifier(options.plain ? classifyPlain : classifyEntry);

  const remember = (entry: TarEntry, key: string): void => {
    if (seen.has(key)) {
      if (options.duplicates === "refuse") {
        throw new LayerfsError("INVALID_LAYER", `${printable(entry.name)}: duplicates of file paths not supported`, {
          hint: "a layer holds each path once; repack the layer",
        });
      }
      options.onDuplicate?.(key);
    }
    seen.add(key);
  };

  /** One step from the directory above, if that is known; null where it leads to no directory. */
  const belowCached = (components: Components): D | null => {
    const name = components.at(-1);
    const above = name === undefined ? undefined : parents.get(pathKey(components.slice(0, -1)));
    if (name === undefined || above === undefined) return null;
    return target.lookup(above, name).kind === "directory" ? target.enter(above, name) : null;
  };

  const parentOf = (components: Components, key: string): D => {
    const cached = parents.get(key);
    if (cached !== undefined) return cached;
    const directory = belowCached(components) ?? resolveDirectory(target, components, passed);
    if (parents.size >= MAX_CACHED_PARENTS) parents.clear();
    parents.set(key, directory);
    return directory;
  };

  const link = (at: D, name: Buffer, entry: TarEntry): boolean => {
    const to = options.plain ? classifyPlain(entry.linkname) : classifyEntry(entry.linkname);
    if (to.kind === "reserved") return target.linkReserved(at, name, pathKey(to.path), entry);
    if (to.kind !== "node") throw missingTarget(entry, "it cannot be linked to");
    const directory = findDirectory(target, to.parent);
    if (directory === null) throw missingTarget(entry, "it is not there");
    const found = target.lookup(directory, to.name).kind;
    if (found === "absent") throw missingTarget(entry, "it is not there");
    if (found === "directory") throw missingTarget(entry, "it is a directory");
    const key = joinKey(at.path, name);
    const toKey = joinKey(directory.path, to.name);
    if (toKey === key || toKey.startsWith(`${key}/`)) throw missingTarget(entry, "the link replaces it");
    return target.link(at, name, directory, to.name, entry);
  };

  const putNode = ({ parent, parentKey, name }: NodePath, key: string, entry: TarEntry): Effect => {
    refuseImpossible(entry);
    const at = parentOf(parent, parentKey);
    refuseLongPath(at, name);
    const replaced = entry.kind === "hardlink" ? link(at, name, entry) : target.put(at, name, entry);
    const path = at.path === parentKey ? key : joinKey(at.path, name);
    if (replaced || passed.has(path)) parents.clear();
    return { path };
  };

  const hide = (parent: Components, act: (at: D) => void): Effect => {
    const at = findDirectory(target, parent);
    if (at !== null) act(at);
    parents.clear();
    return NONE;
  };

  return {
    add(entry) {
      const key = nameKey(entry.name);
      const path = classify(entry.name, key);
      remember(entry, key);
      switch (path.kind) {
        case "root":
          if (entry.kind === "directory") target.putRoot(entry);
          return entry.kind === "directory" ? { path: "" } : NONE;
        case "whiteout":
          return hide(path.parent, (at) => target.whiteout(at, path.name));
        case "opaque":
          return hide(path.directory, (at) => target.opaque(at));
        case "reserved":
          target.putReserved(pathKey(path.path), entry);
          return NONE;
        case "node":
          return putNode("parentKey" in path ? path : { ...path, parentKey: pathKey(path.parent) }, key, entry);
      }
    },
  };
}

interface NodePath {
  readonly parent: Components;
  /** `pathKey` of it. */
  readonly parentKey: string;
  readonly name: Buffer;
}

/**
 * As `classifyEntry`, for a name with its `nameKey`. Entries of one directory come one after the other: the parent of
 * the last one is not taken apart again.
 */
function classifier(
  classifyName: (name: Buffer) => EntryPath,
): (name: Buffer, key: string) => EntryPath | (NodePath & { readonly kind: "node" }) {
  let parentKey = "";
  let parent: Components | null = null;
  return (name, key) => {
    const slash = key.lastIndexOf("/");
    const isSibling = parent !== null && slash === parentKey.length && key.startsWith(parentKey);
    // Only of a name that is clean the key tells where its parts are.
    const isClean = name.length === key.length || (name.length === key.length + 1 && name.at(-1) === SLASH);
    const length = key.length - slash - 1;
    if (isSibling && isClean && name.length <= PATH_MAX && length <= NAME_MAX && !key.startsWith(".wh.", slash + 1)) {
      return { kind: "node", parent: parent!, parentKey, name: name.subarray(slash + 1, key.length) };
    }
    const path = classifyName(name);
    if (path.kind === "node" && slash > 0) {
      parent = path.parent;
      parentKey = key.slice(0, slash);
    }
    return path;
  };
}

/** The directory that `components` lead to; what is missing is made, what is no directory replaced. */
function resolveDirectory<D extends Directory>(
  target: ChangeTarget<D>,
  components: Components,
  passed: Set<string>,
): D {
  const make = (at: D, name: Buffer): D => {
    refuseLongPath(at, name);
    return target.makeParent(at, name);
  };
  return walk(target, components, make, passed) as D;
}

/** The same, but null where a part is missing or is no directory. */
function findDirectory<D extends Directory>(target: ChangeTarget<D>, components: Components): D | null {
  return walk(target, components, () => null);
}

/**
 * Follows symlinks inside the root. A `..` after a name that is no directory takes that name away again, as in Docker
 * and containerd; only names that are left at the end are made by `otherwise`.
 */
function walk<D extends Directory>(
  target: ChangeTarget<D>,
  components: Components,
  otherwise: (at: D, name: Buffer) => D | null,
  passed?: Set<string>,
): D | null {
  const stack: D[] = [target.root];
  const missing: Buffer[] = [];
  const todo = [...components].reverse();
  let symlinks = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const at = stack.at(-1) as D;
    if (isDotDot(name)) {
      const left = missing.length > 0 ? pathKey([Buffer.from(at.path, "latin1"), ...missing]) : at.path;
      passed?.add(left.replace(/^\//, ""));
      if (missing.pop() === undefined && stack.length > 1) stack.pop();
      continue;
    }
    const found: Found = missing.length > 0 ? { kind: "absent" } : target.lookup(at, name);
    if (found.kind === "symlink") {
      if (++symlinks > MAX_SYMLINKS) {
        throw new LayerfsError(
          "INVALID_LAYER",
          `${printableKey(pathKey(components))}: too many levels of symbolic links`,
        );
      }
      passed?.add(joinKey(at.path, name));
      if (found.target[0] === 0x2f) for (const left of stack.splice(1)) passed?.add(left.path);
      todo.push(...symlinkParts(found.target).reverse());
    } else if (found.kind === "directory") {
      stack.push(target.enter(at, name));
    } else {
      missing.push(name);
    }
  }
  let at: D | null = stack.at(-1) as D;
  for (const name of missing) at = at && otherwise(at, name);
  return at;
}

/** Like `cleanPath`, but `..` is kept: it is resolved against real directories, not by text. */
function symlinkParts(target: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  while (start <= target.length) {
    const slash = target.indexOf(0x2f, start);
    const end = slash === -1 ? target.length : slash;
    const part = target.subarray(start, end);
    if (part.length > 0 && !(part.length === 1 && part[0] === 0x2e)) parts.push(part);
    start = end + 1;
  }
  return parts;
}

/** Through symlinks a path may become longer than the names that lead there. */
function refuseLongPath(at: Directory, name: Buffer): void {
  const length = at.path.length + 1 + name.length;
  if (length > PATH_MAX) throw tooLong(Buffer.from(joinKey(at.path, name), "latin1"), "the path", length, PATH_MAX);
}

function isDotDot(name: Buffer): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;
}

function refuseImpossible(entry: TarEntry): void {
  if (entry.kind === "unknown") {
    throw new LayerfsError(
      "INVALID_LAYER",
      `${printable(entry.name)}: unhandled tar header type ${entry.typeflag.charCodeAt(0)} (${printable(entry.typeflag)})`,
    );
  }
  if (entry.kind === "symlink" && entry.linkname.length === 0) {
    throw new LayerfsError("INVALID_LAYER", `${printable(entry.name)}: a symlink without a target`);
  }
  if (entry.kind === "symlink" && entry.linkname.length > PATH_MAX) {
    throw tooLong(entry.name, "the target", entry.linkname.length, PATH_MAX);
  }
  if (entry.kind === "char" && entry.devmajor === 0 && entry.devminor === 0) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `${printable(entry.name)}: a character device 0/0 cannot be stored, it is the whiteout of overlayfs`,
      { hint: "delete the path in this layer by an entry .wh.NAME instead" },
    );
  }
}

function missingTarget(entry: TarEntry, why: string): LayerfsError {
  return new LayerfsError(
    "INVALID_LAYER",
    `${printable(entry.name)}: hard link to ${printable(entry.linkname)}, but ${why}`,
    { hint: "a hard link needs its target earlier in this layer or in a layer below" },
  );
}
