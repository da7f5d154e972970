import { type Digest, digestHex } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import { familiarName, familiarString, parseImageName, withDefaultTag } from "../core/reference.ts";
import { listImageIDs } from "./image-db.ts";
import type { ImageLayout } from "./layout.ts";
import { findName, type ImageTag, readRepositories } from "./repositories.ts";

/** An image that a user's word names. `tag` is there where the word was a name, not an id. */
export interface ResolvedImage {
  readonly id: Digest;
  readonly tag: ImageTag | null;
}

/**
 * Finds the image that `text` names, as Docker does: a name wins over the beginning of an id; where a name has tag and
 * digest, the digest decides. Fails with NOT_FOUND, AMBIGUOUS (an id prefix of several images), INVALID_REFERENCE.
 */
export function resolveImage(layout: ImageLayout, text: string): ResolvedImage {
  const name = parseImageName(text);
  if (name.reference !== undefined) {
    const wanted = withDefaultTag(name.reference);
    const key = wanted.digest === undefined ? wanted : { ...wanted, tag: undefined };
    const id = findName(readRepositories(layout), key);
    if (id !== null) return { id, tag: { repository: familiarName(key), name: familiarString(key), id } };
  }
  const prefix = name.id === undefined ? name.idPrefix : digestHex(name.id);
  const described = name.reference === undefined ? text : familiarString(withDefaultTag(name.reference));
  return { id: byPrefix(layout, prefix, text, described), tag: null };
}

function byPrefix(layout: ImageLayout, prefix: string | undefined, text: string, described: string): Digest {
  const found = prefix === undefined ? [] : listImageIDs(layout).filter((id) => digestHex(id).startsWith(prefix));
  const [id] = found;
  if (id === undefined) {
    throw new LayerfsError("NOT_FOUND", `No such image: ${printable(described)}`, {
      hint: "`layerfs images` lists what is here",
    });
  }
  if (found.length > 1) {
    throw new LayerfsError("AMBIGUOUS", `${printable(text)} is the beginning of the ids of ${found.length} images`, {
      hint: "give more digits of the id",
    });
  }
  return id;
}
