import { setImmediate } from "node:timers/promises";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { isOpaque, isWhiteout } from "../../layer/lower-stack.ts";
import { fileChecksum } from "../../layer/stored-tar.ts";
import { ENOENT, systemError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { openPlainDirectory } from "../../sys/plain-path.ts";
import { readDirectory } from "../../sys/read-dir.ts";
import { fstat, type Stat, tryStatat } from "../../sys/stat.ts";
import { TreeCursor } from "../../sys/tree-cursor.ts";
import { joinKey } from "../../union/entry-path.ts";
import { contentOf } from "../../view/lookup.ts";
import type { DirectoryNode, FileNode, TreeNode } from "../../view/node.ts";
import { checksumKey, type LayerFacts, nodeAt, parentOf, type StackFacts } from "./layer-facts.ts";
import { compareNode, type Difference, HardLinks, type NodePlace } from "./node.ts";

export interface TreeCheck {
  readonly directory: string;
  /** Whether the directory has this layer's files only, as overlayfs has them, or the whole union. */
  readonly form: "overlay-dir" | "full-tree";
  readonly facts: LayerFacts;
  readonly stack: StackFacts;
  readonly owners: boolean;
  /** False where `trusted.` attributes cannot be read, and so no marks of opaque directories: then any may have one. */
  readonly seesTrusted: boolean;
  readonly signal: AbortSignal | undefined;
  /** `path` is a key. */
  readonly tell: (path: string, difference: Difference) => void;
}

/** How many names are compared before other work has its turn. */
const BATCH = 2000;
const HERE = Buffer.from(".");

/**
 * Compares a layer's directory with what the headers of its tar say, and with what its driver makes of that. Content is
 * compared only of files that a full tree has from the layers below, and if checksums are given; of a directory that is
 * missing or added, nothing is told of what should be or is in it. Memory is one listing a level besides the facts.
 */
export async function checkTree(check: TreeCheck): Promise<void> {
  const rootFd = openPlainDirectory(check.directory);
  try {
    await new TreeChecker(check, rootFd).walk();
  } finally {
    close(rootFd);
  }
}

interface Level {
  readonly path: string;
  readonly node: DirectoryNode;
  /** Whether what the layers below have here shows through. */
  readonly merges: boolean;
  readonly names: readonly Buffer[];
  next: number;
}

class TreeChecker {
  readonly #check: TreeCheck;
  readonly #rootFd: number;
  readonly #links = new HardLinks();

  constructor(check: TreeCheck, rootFd: number) {
    this.#check = check;
    this.#rootFd = rootFd;
  }

  async walk(): Promise<void> {
    const { facts, form, signal } = this.#check;
    const isOverlay = form === "overlay-dir";
    using cursor = new TreeCursor(this.#rootFd, HERE);
    this.#compare("", facts.root, { dirfd: cursor.fd, name: HERE, stat: fstat(cursor.fd) });
    const levels = [this.#open(cursor, "", facts.root, isOverlay)];
    for (let level = levels.at(-1), steps = 1; level !== undefined; level = levels.at(-1), steps++) {
      if (steps % BATCH === 0) {
        throwIfCancelled(signal);
        await setImmediate();
      }
      const name = level.names[level.next++];
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) cursor.leave();
        continue;
      }
      const path = joinKey(level.path, name);
      const stat = tryStatat(cursor.fd, name);
      if (stat === -ENOENT) continue;
      if (typeof stat === "number") throw systemError(stat, "look at", name);
      const node = level.node.children.get(name.toString("latin1")) ?? null;
      if (!this.#compare(path, node, { dirfd: cursor.fd, name, stat }) || node?.kind !== "directory") continue;
      const merges = level.merges && !isOpaque(cursor.fd, name);
      cursor.enter(name);
      levels.push(this.#open(cursor, path, node, merges));
    }
    if (isOverlay && !facts.cutsLowers) for (const hidden of facts.hidden) this.#compareHidden(hidden);
  }

  /** Lists a directory, and tells of what is missing in it. */
  #open(cursor: TreeCursor, path: string, node: DirectoryNode, merges: boolean): Level {
    const names = readDirectory(cursor.fd).map(({ name }) => name);
    const there = new Set(names.map((name) => name.toString("latin1")));
    for (const [name, child] of node.children) {
      if (there.has(name)) continue;
      const childPath = path === "" ? name : `${path}/${name}`;
      if (this.#isExpected(childPath, child)) {
        this.#check.tell(childPath, { what: "missing", expected: child.kind, found: "nothing" });
      } else if (!merges && !this.#check.facts.cutsLowers) {
        this.#check.tell(path, {
          what: "opaque mark",
          expected: "none: the layers below show through",
          found: "one, which hides them",
        });
        break;
      }
    }
    return { path, node, merges, names, next: 0 };
  }

  /** Whether the layer's directory must have it. */
  #isExpected(path: string, node: TreeNode): boolean {
    const { form, facts } = this.#check;
    if (form === "full-tree" || path === "" || facts.own.has(path)) return true;
    return node.kind === "directory" ? facts.above.has(path) : facts.ownNodes.has(node);
  }

  /** Returns whether the node is one that the layer has, of the same type. */
  #compare(path: string, node: TreeNode | null, place: NodePlace): boolean {
    const { facts, form, tell } = this.#check;
    const { stat } = place;
    const isOverlay = form === "overlay-dir";
    const mayBeThere = node?.kind === "directory" && stat.kind === "directory" && facts.mayBeThere.has(path);
    if (node === null || !(this.#isExpected(path, node) || mayBeThere)) {
      if (isOverlay && isWhiteout(stat)) {
        if (node !== null || !facts.whiteouts.has(path))
          tell(path, { what: "added", expected: "nothing", found: "a whiteout" });
      } else if (!(facts.hasReserved && path.includes(".wh..wh."))) {
        tell(path, { what: "added", expected: "nothing", found: stat.kind });
      }
      return false;
    }
    const differences = compareNode(node, place, this.#rulesFor(path, node));
    if (differences[0]?.what === "type") {
      tell(path, isOverlay && isWhiteout(stat) ? { ...differences[0], found: "a whiteout" } : differences[0]);
      return false;
    }
    // A copy that dockerd makes of a full tree keeps links of files only.
    if (node.kind === "file" || (node.kind !== "directory" && (isOverlay || facts.own.has(path))))
      differences.push(...this.#links.compare(node, path, stat));
    for (const difference of differences) tell(path, difference);
    if (node.kind === "file" && differences.every(({ what }) => what !== "size"))
      this.#compareContent(path, node, place);
    return true;
  }

  #rulesFor(path: string, node: TreeNode): Parameters<typeof compareNode>[2] {
    const { facts, form, stack, owners, seesTrusted } = this.#check;
    const isOwn = facts.own.has(path);
    if (node.kind !== "directory") return { attributes: true, mtime: true, owners, allXattrs: isOwn, seesTrusted };
    if (form === "overlay-dir" || facts.recorded.has(path)) {
      // The root's time is not what the header says where dockerd has unpacked a layer.
      return { attributes: facts.recorded.has(path), mtime: path !== "", owners, allXattrs: true, seesTrusted };
    }
    return {
      attributes: stack.recorded.has(node),
      mtime: path !== "" && !stack.stirred.has(node),
      owners,
      allXattrs: false,
      seesTrusted,
    };
  }

  /** What the layer itself has is compared by its tar. */
  #compareContent(path: string, node: FileNode, { dirfd, name }: NodePlace): void {
    const { facts, stack, tell } = this.#check;
    if (facts.own.has(path)) return;
    const stored = contentOf({ path, node });
    const expected = stack.checksums.get(checksumKey(stored.layer, stored.name.toString("latin1")));
    if (expected === undefined) return;
    const found = fileChecksum(dirfd, name);
    if (!found.equals(expected))
      tell(path, {
        what: "content",
        expected: `CRC-64 ${expected.toString("hex")}`,
        found: `CRC-64 ${found.toString("hex")}`,
      });
  }

  /** Whether overlayfs shows nothing there any more. */
  #compareHidden(path: string): void {
    const { facts, seesTrusted, tell } = this.#check;
    const { root, hidden } = facts;
    const parent = parentOf(path);
    if (nodeAt(root, path) !== null || (hidden.has(parent) && nodeAt(root, parent) === null)) return;
    const parts = path.split("/");
    for (let depth = 1; depth <= parts.length; depth++) {
      const prefix = Buffer.from(parts.slice(0, depth).join("/"), "latin1");
      const stat = tryStatat(this.#rootFd, prefix);
      if (stat === -ENOENT) break;
      if (typeof stat === "number" || !isDirectory(stat)) return;
      if (!seesTrusted || isOpaque(this.#rootFd, prefix)) return;
    }
    tell(path, { what: "missing", expected: "a whiteout", found: "nothing, so the layers below show" });
  }
}

function isDirectory(stat: Stat): boolean {
  return stat.kind === "directory";
}
