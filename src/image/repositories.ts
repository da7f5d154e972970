import { type Digest, parseDigest } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import {
  canonicalString,
  familiarName,
  familiarString,
  type NamedReference,
  parseReference,
} from "../core/reference.ts";
import { writeFileDurably } from "../sys/durable.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import type { ImageLayout } from "./layout.ts";

/** All names of images: repository (familiar, "nginx") -> name ("nginx:latest", "nginx@sha256:…") -> image id. */
export type Repositories = ReadonlyMap<string, ReadonlyMap<string, Digest>>;

export interface ImageTag {
  readonly repository: string;
  readonly name: string;
  readonly id: Digest;
}

/** Whether the name has a digest, not a tag. */
export function isDigestName({ repository, name }: ImageTag): boolean {
  return name.startsWith("@", repository.length);
}

/** Absent: no names. Fails with CORRUPT_STORE where `repositories.json` is damaged. Format: moby, reference/store.go. */
export function readRepositories(layout: ImageLayout): Repositories {
  const text = readIfThere(layout.repositories);
  if (text === null) return new Map();
  try {
    const { Repositories: found } = JSON.parse(text) as { Repositories: Record<string, Record<string, string>> };
    return new Map(
      Object.entries(found).map(([repository, names]) => [
        repository,
        new Map(Object.entries(names).map(([name, id]) => [name, parseDigest(id)])),
      ]),
    );
  } catch (cause) {
    throw new LayerfsError("CORRUPT_STORE", `${layout.repositories} is damaged: ${(cause as Error).message}`, {
      hint: 'write {"Repositories":{}} to it; the images stay, without their names',
      cause,
    });
  }
}

/** Durable and whole at every instant. Repositories without names are left out, as Docker does. */
export function writeRepositories(layout: ImageLayout, repositories: Repositories): void {
  const filled = [...repositories].filter(([, names]) => names.size > 0);
  const json = Object.fromEntries(
    sortedByKey(filled).map(([repository, names]) => [repository, Object.fromEntries(sortedByKey([...names]))]),
  );
  writeFileDurably(layout.repositories, JSON.stringify({ Repositories: json }), { mode: 0o600 });
}

/** As Go writes a map. */
function sortedByKey<T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function withName(repositories: Repositories, reference: NamedReference, id: Digest): Repositories {
  const repository = familiarName(reference);
  const names = new Map(repositories.get(repository));
  names.set(familiarString(reference), id);
  return new Map(repositories).set(repository, names);
}

export function withoutName(repositories: Repositories, tag: ImageTag): Repositories {
  const names = new Map(repositories.get(tag.repository));
  names.delete(tag.name);
  return new Map(repositories).set(tag.repository, names);
}

export function findName(repositories: Repositories, reference: NamedReference): Digest | null {
  return repositories.get(familiarName(reference))?.get(familiarString(reference)) ?? null;
}

/** By repository, then name. */
export function allTags(repositories: Repositories): ImageTag[] {
  return [...repositories].flatMap(([repository, names]) => [...names].map(([name, id]) => ({ repository, name, id })));
}

/** In Docker's order: that of the names in full, so those on Docker Hub stand among the others by `docker.io`. */
export function tagsOf(repositories: Repositories, id: Digest): ImageTag[] {
  const keyed = allTags(repositories)
    .filter((tag) => tag.id === id)
    .map((tag) => ({ tag, key: canonicalString(parseReference(tag.name)) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ tag }) => tag);
}
