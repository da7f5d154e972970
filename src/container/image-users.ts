import type { Digest } from "../core/digest.ts";
import { listContainerRecords } from "../layer/container-records.ts";
import { type ContainerStore, isContainerID, isRunning, listContainers } from "./container.ts";

/** A container that stands on an image. */
export interface ImageUser {
  readonly id: string;
  readonly running: boolean;
}

/**
 * Gives the containers of an image and its topmost chainID. A container whose own record does not tell the image, or is
 * missing, is told by its layers' record, so that its image is not taken for unused.
 */
export function imageUsers(store: ContainerStore): (image: Digest, top: Digest | null) => ImageUser[] {
  const containers = listContainers(store);
  const known = new Set(containers.map(({ id }) => id));
  const strays = listContainerRecords(store.layers.layout).filter(({ id }) => isContainerID(id) && !known.has(id));
  const stands = (parent: Digest | null, top: Digest | null): boolean => top !== null && parent === top;
  return (image, top) => [
    ...containers
      .filter((container) =>
        container.image === null ? stands(container.layer.parent, top) : container.image === image,
      )
      .map((container) => ({ id: container.id, running: isRunning(container) })),
    ...strays.filter(({ parent }) => stands(parent, top)).map(({ id }) => ({ id, running: false })),
  ];
}
