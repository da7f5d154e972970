import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import {
  familiarName,
  familiarString,
  type NamedReference,
  parseReference,
  withDefaultTag,
} from "../../core/reference.ts";
import { writeLastTagTime } from "../../image/metadata.ts";
import { readRepositories, withName, writeRepositories } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { exclusively } from "../../layer/store.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

export interface TaggedImage {
  readonly id: Digest;
  /** Familiar name with its tag, such as `nginx:latest`. */
  readonly name: string;
}

/** Gives an image one more name; another image that had it loses it. Durable when it returns. */
export async function tagImage(stores: Stores, source: string, target: string): Promise<TaggedImage> {
  const name = parseNewTag(target);
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const { id } = resolveImage(stores.images, source);
    writeRepositories(stores.images, withName(readRepositories(stores.images), name, id));
    writeLastTagTime(stores.images, id, new Date());
    return { id, name: familiarString(name) };
  });
}

/** A name that an image may be given, by the rules and in the words of Docker (docker/cli, image/tag.go; moby, reference/store.go). */
export function parseNewTag(text: string): NamedReference {
  const name = withDefaultTag(parseReference(text));
  if (name.digest !== undefined) {
    throw new LayerfsError("INVALID_REFERENCE", "refusing to create a tag with a digest reference", {
      hint: `${printable(text)} names one manifest for ever; leave out what follows the @`,
    });
  }
  if (familiarName(name) === "sha256") {
    const message = "refusing to create an ambiguous tag using digest algorithm as name";
    throw new LayerfsError("INVALID_REFERENCE", message, { hint: "sha256:… is how an image id begins" });
  }
  return name;
}
