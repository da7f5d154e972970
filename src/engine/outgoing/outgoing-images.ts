import { configPlatform } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { Image } from "../../core/image.ts";
import { formatPlatform, matches, type Platform } from "../../core/platform.ts";
import {
  canonicalString,
  familiarName,
  familiarString,
  type NamedReference,
  parseImageName,
  parseReference,
} from "../../core/reference.ts";
import { readParents } from "../../image/metadata.ts";
import { readRepositories } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { openStoredTar, storedTarSize } from "../../layer/stored-tar.ts";
import { placeOf } from "../../layer/whole.ts";
import { openStoredImage, type StoredImage } from "../images/stored-image.ts";
import type { Stores } from "../stores.ts";

/** An image of the store that goes out. */
export interface OutgoingStored {
  readonly stored: StoredImage;
  readonly image: Image;
  /** The image it was built on, where that goes out too. */
  readonly parent?: Digest | undefined;
}

/**
 * The images that the words name, each once, in the order in which they are named first. A name goes out with its
 * image, an id without; a repository without a tag stands for all its tags, as in Docker. Fails as `openStoredImage`,
 * and with NOT_FOUND for an image of another platform.
 */
export function findOutgoing(
  stores: Stores,
  words: readonly string[],
  platform: Platform | undefined,
): OutgoingStored[] {
  const named = new Map<Digest, Map<string, NamedReference>>();
  for (const { id, reference } of words.flatMap((word) => resolveAll(stores, word))) {
    const names = named.get(id) ?? new Map<string, NamedReference>();
    if (reference !== null) names.set(canonicalString(reference), reference);
    named.set(id, names);
  }
  const parents = readParents(stores.images);
  return [...named].map(([id, names]) => {
    const stored = openStoredImage(stores, id);
    refusePlatform(stored, words, platform);
    const sorted = [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference);
    const parent = parents.get(id);
    const isThere = parent !== undefined && named.has(parent);
    return { stored, image: imageOf(stores, stored, sorted), parent: isThere ? parent : undefined };
  });
}

interface Resolved {
  readonly id: Digest;
  readonly reference: NamedReference | null;
}

function resolveAll(stores: Stores, word: string): Resolved[] {
  const { reference } = parseImageName(word);
  if (reference !== undefined && reference.tag === undefined && reference.digest === undefined) {
    const names = [...(readRepositories(stores.images).get(familiarName(reference)) ?? [])];
    if (names.length > 0) return names.map(([name, id]) => ({ id, reference: tagged(name) }));
  }
  const { id, tag } = resolveImage(stores.images, word);
  return [{ id, reference: tag === null ? null : tagged(tag.name) }];
}

/** Null for a name that has a digest in place of a tag: an archive has no place for it. */
function tagged(name: string): NamedReference | null {
  const reference = parseReference(name);
  return reference.digest === undefined ? reference : null;
}

function refusePlatform({ id, config }: StoredImage, words: readonly string[], wanted: Platform | undefined): void {
  const found = configPlatform(config);
  if (wanted === undefined || matches(wanted, found)) return;
  const name = words.length === 1 ? printable(words[0] as string) : id;
  throw new LayerfsError(
    "NOT_FOUND",
    `image ${name} is for ${formatPlatform(found)}, it does not provide ${formatPlatform(wanted)}`,
    { hint: "an image of the store has one platform; load or pull it for the other one" },
  );
}

function imageOf(stores: Stores, { id, config, layers }: StoredImage, names: readonly NamedReference[]): Image {
  return {
    id,
    config,
    platform: configPlatform(config),
    names,
    layers: layers.map((layer) => {
      const place = { tarSplit: layer.tarSplit, directory: placeOf(stores.layers, layer).directory };
      const openTar = (): AsyncIterable<Buffer> => openStoredTar(place, { reuseBuffer: true });
      return { diffID: layer.diffID, open: openTar, openTar, tarSize: () => storedTarSize(place) };
    }),
  };
}

/** For the result of a command. */
export function familiarNames({ names }: Image): string[] {
  return names.map(familiarString);
}
