import { join } from "node:path";
import { type Digest, digestHex } from "../core/digest.ts";

/** Paths of Docker's layer database for one driver, `<root>/image/<driver>/layerdb`, and of layerfs's own records. */
export interface LayerLayout {
  readonly layerdb: string;
  /** One directory a layer, named by the hex digits of its chainID. */
  readonly layers: string;
  readonly mounts: string;
  readonly tmp: string;
  /** What Docker's layout has no place for; it can be rebuilt, and dockerd never looks at it. */
  readonly own: string;
  readonly leases: string;
  readonly lock: string;
}

export function layerLayout(root: string, driver: string): LayerLayout {
  const layerdb = join(root, "image", driver, "layerdb");
  const own = join(root, "layerfs");
  return {
    layerdb,
    layers: join(layerdb, "sha256"),
    mounts: join(layerdb, "mounts"),
    tmp: join(layerdb, "tmp"),
    own,
    leases: join(own, "leases"),
    lock: join(own, "lock"),
  };
}

export function layerDirectory(layout: LayerLayout, chainID: Digest): string {
  return join(layout.layers, digestHex(chainID));
}
