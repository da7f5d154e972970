import { resolve } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import { plainRoot } from "../sys/plain-path.ts";
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
  if (path !== "") return { root: plainRoot(resolve(path)), image: image === "" ? null : image };
  throw new LayerfsError("USAGE", `source ${printable(text)}: expected docker-root:PATH[:IMAGE]`);
}

/**
 * Where an image is that no source holds: in another data root, which is only read, also while a dockerd runs on it, or
 * else in our own. Fails with AMBIGUOUS where a root of several images is named without one, NOT_FOUND for an empty one.
 */
export async function findStores(text: string, own: () => Promise<Stores>): Promise<ImageInStores> {
  const other = parseDockerRoot(text);
  if (other === null) return { stores: await own(), name: text };
  const [{ openStores }, { onlyImage }] = await Promise.all([
    import("./open-stores.ts"),
    import("./images/only-image.ts"),
  ]);
  const stores = await openStores({ root: other.root, storageOptions: new Map() }, "read");
  return { stores, name: other.image ?? onlyImage(stores, text) };
}
