import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import { globMatcher } from "../../core/glob.ts";
import { compareTimespec, NO_TIME, parseRfc3339, type Timespec } from "../../core/timespec.ts";
import { listImageIDs, readImageConfig, readWholeConfig, topChain } from "../../image/image-db.ts";
import { readParents } from "../../image/metadata.ts";
import { type ImageTag, isDigestName, readRepositories, tagsOf } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { readChain } from "../../layer/store.ts";
import type { Stores } from "../stores.ts";

/** Which images to list: those that meet all that is given. */
export interface ImageFilters {
  /** Intermediate images too: nameless ones that others were built on. */
  readonly all?: boolean | undefined;
  /** True: only images without a tag that no other was built on. False: only images with a name. */
  readonly dangling?: boolean | undefined;
  /** `KEY` or `KEY=VALUE`; all of them. */
  readonly labels?: readonly string[] | undefined;
  /** Made before this image, or after it. */
  readonly before?: string | undefined;
  readonly since?: string | undefined;
  /** Globs as of Go's path.Match; a name must match one of them, with its tag or without. */
  readonly references?: readonly string[] | undefined;
  /** Made before this time. */
  readonly until?: Timespec | undefined;
}

/** A row of `docker images`: one a tag, and where its repository has several digests, one for each of them. */
export interface ImageSummary {
  readonly id: Digest;
  /** `null` for all three: a dangling image. */
  readonly repository: string | null;
  /** `null` with a repository: a name that is known by its digest only. */
  readonly tag: string | null;
  readonly digest: string | null;
  /** RFC 3339, as in the config; null where the config has none. */
  readonly created: string | null;
  /** Bytes of the content of all its layers. */
  readonly size: number;
}

/**
 * Newest first; equal times by id, so that the order is stable. Images that are damaged or whose layers are not all
 * there are left out, as by Docker, whose rules the filters follow too (moby, daemon/images/images.go).
 */
export function listImages(stores: Stores, filters: ImageFilters = {}): ImageSummary[] {
  const repositories = readRepositories(stores.images);
  const parents = new Set(readParents(stores.images).values());
  const matchesConfig = configFilter(stores, filters);
  const matchesName = nameFilter(filters.references);
  const summaries = listImageIDs(stores.images).flatMap((id): ImageSummary[] => {
    const config = readWholeConfig(stores.images, id);
    const size = config === null ? null : contentSize(stores, topChain(config));
    if (config === null || size === null || !matchesConfig(config)) return [];
    const tags = tagsOf(repositories, id).filter(matchesName);
    if (!isListed(tags, parents.has(id), filters)) return [];
    const image = { id, created: config.created ?? null, size };
    return rowsOf(tags).map((row) => ({ ...image, ...row }));
  });
  return summaries.sort((a, b) => compareTimespec(createdTime(b), createdTime(a)) || compareText(a.id, b.id));
}

/** Bytes of content of a layer and all below it; null where the record of one of them is missing or damaged. */
function contentSize(stores: Stores, chainID: Digest | null): number | null {
  if (chainID === null) return 0;
  try {
    const chain = readChain(stores.layers, chainID);
    return chain === null ? null : chain.reduce((sum, { size }) => sum + size, 0);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return null;
    throw error;
  }
}

/** What can be told from an image's config: labels, and its time against the bounds. */
function configFilter(stores: Stores, filters: ImageFilters): (config: ImageConfig) => boolean {
  const labels = (filters.labels ?? []).map(splitLabel);
  const before = [
    ...(filters.before === undefined ? [] : [timeOf(stores, filters.before)]),
    ...(filters.until === undefined ? [] : [filters.until]),
  ];
  const since = filters.since === undefined ? [] : [timeOf(stores, filters.since)];
  return (config) => {
    const created = createdTime({ created: config.created ?? null });
    if (before.some((bound) => compareTimespec(created, bound) >= 0)) return false;
    if (since.some((bound) => compareTimespec(created, bound) <= 0)) return false;
    return labels.every(({ key, value }) => {
      const found = config.config.labels.get(key);
      return found !== undefined && (value === null || found === value);
    });
  };
}

/** Each pattern is held against the name with its tag or digest, and against the repository alone. */
function nameFilter(patterns: readonly string[] | undefined): (tag: ImageTag) => boolean {
  if (patterns === undefined) return () => true;
  const matchers = patterns.map(globMatcher);
  return ({ name, repository }) => matchers.some((matches) => matches(name) || matches(repository));
}

/** An image that has names, but none that a name filter lets through, counts as one without. */
function isListed(tags: readonly ImageTag[], hasChildren: boolean, filters: ImageFilters): boolean {
  const { all = false, dangling, references } = filters;
  if (dangling === true && hasChildren) return false;
  if (tags.length === 0) return (all || !hasChildren) && dangling !== false && references === undefined;
  return dangling !== true || tags.every(isDigestName);
}

type Row = Pick<ImageSummary, "repository" | "tag" | "digest">;

/** A row for each tag, with each digest of its repository; for repositories without a tag a row for each digest. */
function rowsOf(tags: readonly ImageTag[]): Row[] {
  if (tags.length === 0) return [{ repository: null, tag: null, digest: null }];
  return [...Map.groupBy(tags, ({ repository }) => repository)].flatMap(([repository, names]) => {
    const ends = names.map(({ name }) => name.slice(repository.length + 1));
    const isOfDigest = names.map(isDigestName);
    const found = { tags: ends.filter((_, at) => !isOfDigest[at]), digests: ends.filter((_, at) => isOfDigest[at]) };
    const digests = found.digests.length === 0 ? [null] : found.digests;
    const shown = found.tags.length === 0 ? [null] : found.tags;
    return shown.flatMap((tag) => digests.map((digest) => ({ repository, tag, digest })));
  });
}

function createdTime({ created }: { readonly created: string | null }): Timespec {
  return parseRfc3339(created ?? NO_TIME) ?? { seconds: Number.NEGATIVE_INFINITY, nanoseconds: 0 };
}

function timeOf(stores: Stores, text: string): Timespec {
  const { id } = resolveImage(stores.images, text);
  const config = readImageConfig(stores.images, id);
  if (config === null) throw new LayerfsError("NOT_FOUND", `No such image: ${text}`);
  return createdTime({ created: config.created ?? null });
}

function splitLabel(text: string): { readonly key: string; readonly value: string | null } {
  const equals = text.indexOf("=");
  return equals === -1 ? { key: text, value: null } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
