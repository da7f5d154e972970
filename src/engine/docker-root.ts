import { resolve } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import { listImageIDs } from "../image/image-db.ts";
import { readRepositories, tagsOf } from "../image/repositories.ts";
import { openStores } from "./open-stores.ts";
import type { Stores } from "./stores.ts";

/** An image in another data root: `docker-root:PATH[:IMAGE]`. */
export interface DockerRootName {
  readonly root: string;
  /** Name or id; null for the one image that is there. */
  readonly image: string | null;
}

/** An image by its name or id, in the data root where it lies. */
export interface ImageInStores {
  readonly stores: Stores;
  readonly name: string;
}

/** The path ends at its first colon. Null for what does not begin with `docker-root:`; USAGE where the path is missing. */
export function parseDockerRoot(text: string): DockerRootName | null {
  const match = /^docker-root:([^:]*)(?::(.*))?$/s.exec(text);
  if (match === null) return null;
  const [, path = "", image = ""] = match;
  if (path !== "") return { root: resolve(path), image: image === "" ? null : image };
  throw new LayerfsError("USAGE", `source ${printable(text)}: expected docker-root:PATH[:IMAGE]`);
}

/**
 * Where an image is that no source holds: in another data root, which is only read, also while a dockerd runs on it, or
 * else in our own. Fails with AMBIGUOUS where a root of several images is named without one, NOT_FOUND for an empty one.
 */
export async function findStores(text: string, own: () => Promise<Stores>): Promise<ImageInStores> {
  const other = parseDockerRoot(text);
  if (other === null) return { stores: await own(), name: text };
  const stores = await openStores({ root: other.root, storageOptions: new Map() }, "read");
  return { stores, name: other.image ?? onlyImage(stores, text) };
}

function onlyImage({ images, root }: Stores, text: string): string {
  const [id, ...others] = listImageIDs(images);
  if (id === undefined) throw new LayerfsError("NOT_FOUND", `data root ${root}: there is no image in it`);
  if (others.length === 0) return id;
  const repositories = readRepositories(images);
  const names = [id, ...others].map((each) => tagsOf(repositories, each)[0]?.name ?? each);
  throw new LayerfsError("AMBIGUOUS", `${printable(text)}: there are ${names.length} images, expected one`, {
    hint: `add its name or its id: ${names.map((name) => `:${printable(name)}`).join(", ")}`,
  });
}
