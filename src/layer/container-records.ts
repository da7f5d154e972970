import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import type { LayerLayout } from "./layout.ts";
import { readNames } from "./records.ts";

/** The layers of a container, as Docker's layer database records them (moby, layer/filestore.go): `mounts/<container>`. */
export interface ContainerRecord {
  readonly id: string;
  /** The driver's id of the layer that the container writes to. */
  readonly mountID: string | null;
  /** The driver's id of the layer between it and the image. */
  readonly initID: string | null;
  /** ChainID of the image's topmost layer. */
  readonly parent: Digest | null;
}

export function listContainerRecords(layout: LayerLayout): ContainerRecord[] {
  return readNames(layout.mounts).map((id) => readContainerRecord(layout, id));
}

/** Fields that are missing are null. Fails with INVALID_DIGEST. */
export function readContainerRecord(layout: LayerLayout, id: string): ContainerRecord {
  const field = (name: string): string | null => readIfThere(join(layout.mounts, id, name));
  const parent = field("parent");
  return {
    id,
    mountID: field("mount-id"),
    initID: field("init-id"),
    parent: parent === null ? null : parseDigest(parent),
  };
}
