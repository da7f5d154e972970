import { type Digest, digestHex } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { type ImageTag, isDigestName, type Repositories, tagsOf } from "./repositories.ts";
import type { ResolvedImage } from "./resolve.ts";

/** What a removal must know of the store. */
export interface RemovalState {
  readonly repositories: Repositories;
  /** Child to parent, as `readParents` gives them. */
  readonly parents: ReadonlyMap<Digest, Digest>;
  /** The containers of an image. */
  readonly containersOf: (id: Digest) => readonly { readonly id: string; readonly running: boolean }[];
  /** Where the image is mounted by layerfs; null for nowhere. */
  readonly mountedOn: (id: Digest) => string | null;
}

export interface RemovalOptions {
  readonly force: boolean;
  /** Also remove parents that are left without a name, children and containers. */
  readonly prune: boolean;
}

/** One thing to do, in the order in which it is told. */
export type RemovalAction =
  | { readonly kind: "untag"; readonly tag: ImageTag }
  | { readonly kind: "delete"; readonly id: Digest };

/**
 * What `rmi TEXT` does, by Docker's rules and in its words (moby, daemon/images/image_delete.go). A name goes alone while
 * the image has others; with the last tag of a repository its digests go too, with the last name the image. An id needs
 * `force` where it has several names. Fails with CONFLICT.
 */
export function planRemoval(
  state: RemovalState,
  { id, tag }: ResolvedImage,
  text: string,
  options: RemovalOptions,
): RemovalAction[] {
  const tags = tagsOf(state.repositories, id);
  if (tag === null || isPrefixOf(id, text)) return planByID(state, id, tags, options);
  if (!options.force && isOneName(tags)) refuseUsedName(state, id, text);
  const going = withDigests(tag, tags);
  const untagged = going.map((each): RemovalAction => ({ kind: "untag", tag: each }));
  if (going.length < tags.length) return untagged;
  refuseMounted(state, id);
  const conflict = conflictOf(state, id, { soft: !options.force, tags: [] });
  return conflict === null ? [...untagged, ...planDelete(state, id, options)] : untagged;
}

function planByID(
  state: RemovalState,
  id: Digest,
  tags: readonly ImageTag[],
  options: RemovalOptions,
): RemovalAction[] {
  const remaining = isOneName(tags) ? [] : tags;
  const conflict = conflictOf(state, id, { soft: !options.force, tags: remaining });
  if (conflict !== null) throw conflict;
  refuseMounted(state, id);
  return [...tags.map((tag): RemovalAction => ({ kind: "untag", tag })), ...planDelete(state, id, options)];
}

/** The image, and of its parents those that nothing needs any more. */
function planDelete(state: RemovalState, id: Digest, { prune }: RemovalOptions): RemovalAction[] {
  const gone = new Set<Digest>();
  for (let next: Digest | undefined = id; next !== undefined; next = prune ? state.parents.get(next) : undefined) {
    const isKept = gone.has(next) || (next !== id && isNeeded(state, next, gone));
    if (isKept) break;
    gone.add(next);
  }
  return [...gone].map((each) => ({ kind: "delete", id: each }));
}

function isNeeded(state: RemovalState, id: Digest, gone: ReadonlySet<Digest>): boolean {
  if (state.mountedOn(id) !== null) return true;
  return conflictOf(state, id, { soft: true, tags: tagsOf(state.repositories, id), gone }) !== null;
}

interface ConflictQuestion {
  /** Ask also for what `force` overrides. */
  readonly soft: boolean;
  /** The names that stand against a removal. */
  readonly tags: readonly ImageTag[];
  readonly gone?: ReadonlySet<Digest>;
}

function conflictOf(state: RemovalState, id: Digest, question: ConflictQuestion): LayerfsError | null {
  const { soft, tags, gone } = question;
  const children = [...state.parents].filter(([child, parent]) => parent === id && !gone?.has(child));
  if (children.length > 0) return conflict(id, "cannot be forced", "image has dependent child images");
  const containers = state.containersOf(id);
  const running = containers.find((container) => container.running);
  if (running !== undefined) {
    return conflict(id, "cannot be forced", `image is being used by running container ${short(running.id)}`);
  }
  if (!soft) return null;
  if (tags.length > 0) return conflict(id, "must be forced", "image is referenced in multiple repositories");
  const [stopped] = containers;
  if (stopped === undefined) return null;
  return conflict(id, "must be forced", `image is being used by stopped container ${short(stopped.id)}`);
}

const HINTS = {
  "image has dependent child images": "remove first the images that were built on it",
  "image is referenced in multiple repositories": "remove it by its names, or all at once with -f",
} as Readonly<Record<string, string>>;

function conflict(id: Digest, force: string, message: string): LayerfsError {
  return new LayerfsError("CONFLICT", `conflict: unable to delete ${short(digestHex(id))} (${force}) - ${message}`, {
    hint: HINTS[message],
  });
}

function refuseUsedName(state: RemovalState, id: Digest, text: string): void {
  const [container] = state.containersOf(id);
  if (container === undefined) return;
  const user = `container ${short(container.id)} is using its referenced image ${short(digestHex(id))}`;
  throw new LayerfsError(
    "CONFLICT",
    `conflict: unable to remove repository reference "${text}" (must force) - ${user}`,
  );
}

/** Docker has no such mounts. Not even `force` helps: what is mounted would lose its files. */
function refuseMounted(state: RemovalState, id: Digest): void {
  const target = state.mountedOn(id);
  if (target === null) return;
  const message = `conflict: unable to delete ${short(digestHex(id))} (cannot be forced) - image is mounted on ${target}`;
  throw new LayerfsError("CONFLICT", message, { hint: `unmount it first: layerfs umount ${target}` });
}

/** The tag, and the repository's digests where it is the last tag of its repository. */
function withDigests(tag: ImageTag, tags: readonly ImageTag[]): ImageTag[] {
  if (isDigestName(tag)) return [tag];
  const others = tags.filter(({ repository, name }) => repository === tag.repository && name !== tag.name);
  return others.every(isDigestName) ? [tag, ...others] : [tag];
}

/** At most one tag, and digests of its repository only. */
function isOneName(tags: readonly ImageTag[]): boolean {
  const repositories = new Set(tags.map(({ repository }) => repository));
  return repositories.size === 1 && tags.filter((tag) => !isDigestName(tag)).length <= 1;
}

/** A name that is also the beginning of its image's id is taken for the id. */
function isPrefixOf(id: Digest, text: string): boolean {
  return id.startsWith(text) || digestHex(id).startsWith(text);
}

function short(hex: string): string {
  return hex.slice(0, 12);
}
