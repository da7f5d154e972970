import { writeFileSync } from "node:fs";
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

const FILES = { mountID: "mount-id", initID: "init-id", parent: "parent" };

export function listContainerRecords(layout: LayerLayout): ContainerRecord[] {
  return readNames(layout.mounts).map((id) => readContainerRecord(layout, id));
}

/** Fields that are missing are null. Fails with INVALID_DIGEST. */
export function readContainerRecord(layout: LayerLayout, id: string): ContainerRecord {
  const field = (name: string): string | null => readIfThere(join(layout.mounts, id, name));
  const parent = field(FILES.parent);
  return {
    id,
    mountID: field(FILES.mountID),
    initID: field(FILES.initID),
    parent: parent === null ? null : parseDigest(parent),
  };
}

/** The driver's ids of all containers' layers; of damaged records what they tell. */
export function containerLayerIDs(layout: LayerLayout): string[] {
  const fields = [FILES.mountID, FILES.initID];
  return readNames(layout.mounts).flatMap((id) =>
    fields.flatMap((name) => readIfThere(join(layout.mounts, id, name)) ?? []),
  );
}

/** Containers whose read-write layer is one of `mountIDs`. */
export function containersOfLayers(layout: LayerLayout, mountIDs: ReadonlySet<string>): string[] {
  return readNames(layout.mounts).filter((id) => {
    const mountID = readIfThere(join(layout.mounts, id, FILES.mountID));
    return mountID !== null && mountIDs.has(mountID);
  });
}

/** Into a directory that becomes `mounts/<container>`. */
export function writeContainerRecord(directory: string, record: ContainerRecord): void {
  const field = (name: string, text: string | null): void => {
    if (text !== null) writeFileSync(join(directory, name), text, { mode: 0o644 });
  };
  field(FILES.mountID, record.mountID);
  field(FILES.initID, record.initID);
  field(FILES.parent, record.parent);
}

/** A file that is there as long as a container's layers are, whoever made it: who uses them keeps it locked (flock). */
export function containerLockPath(layout: LayerLayout, id: string): string {
  return join(layout.mounts, id, FILES.mountID);
}
