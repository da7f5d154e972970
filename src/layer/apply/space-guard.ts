import { LayerfsError } from "../../core/errors.ts";
import { statfs } from "../../sys/stat.ts";

export interface SpaceLimits {
  /** Most bytes of content in one layer; null for no limit but the disk's. */
  readonly maxLayerSize: number | null;
}

/** Bytes between two looks at the disk: a share of what is left, since other threads write at the same time. */
const CHECK_AT_MOST = 32 * 1024 * 1024;
const CHECK_AT_LEAST = 256 * 1024;
const CHECK_SHARE = 16;
/** What a node costs on disk besides its content: an inode and a share of its directory. */
const NODE_COST = 512;
const MAX_RESERVE = 128 * 1024 * 1024;
const MAX_INODE_RESERVE = 1000;
const RESERVE_SHARE = 50;

/** Stops a layer before it fills the disk. */
export interface SpaceGuard {
  /** Fails with LIMIT_EXCEEDED past `maxLayerSize`, NO_SPACE where less than the reserve would be left on the disk. */
  bytes(count: number): void;
  node(): void;
}

/** Bytes that layerfs leaves free on a file system: a fiftieth of it, at most 128 MiB. */
export function reserveOf(totalBytes: number): number {
  return Math.min(MAX_RESERVE, Math.floor(totalBytes / RESERVE_SHARE));
}

/** `fd`: any open file or directory of the file system that is written to. */
export function spaceGuard(fd: number, limits: SpaceLimits): SpaceGuard {
  let total = 0;
  let bytesLeft = 0;
  let nodesLeft = 0;
  const check = (cost: number): void => {
    const { blockSize, blocks, available, inodes, freeInodes } = statfs(fd);
    const reserve = reserveOf(blockSize * blocks);
    if (available < reserve + cost) throw full(`${available} bytes are free, of which ${reserve} are kept in reserve`);
    const inodeReserve = Math.min(MAX_INODE_RESERVE, Math.floor(inodes / RESERVE_SHARE));
    if (inodes > 0 && freeInodes <= inodeReserve)
      throw full(`${freeInodes} inodes are free, of which ${inodeReserve} are kept in reserve`);
    bytesLeft = Math.min(CHECK_AT_MOST, Math.max(CHECK_AT_LEAST, (available - reserve) / CHECK_SHARE));
    nodesLeft = inodes === 0 ? Number.POSITIVE_INFINITY : (freeInodes - inodeReserve) / CHECK_SHARE;
  };
  const spend = (bytes: number, nodes: number): void => {
    bytesLeft -= bytes;
    nodesLeft -= nodes;
    if (bytesLeft < 0 || nodesLeft < 0) check(bytes);
  };
  return {
    node: () => spend(NODE_COST, 1),
    bytes(count) {
      total += count;
      if (limits.maxLayerSize !== null && total > limits.maxLayerSize) {
        throw new LayerfsError("LIMIT_EXCEEDED", `the layer has more than ${limits.maxLayerSize} bytes`, {
          hint: "raise --max-layer-size if the image is meant to be that large",
        });
      }
      spend(count, 0);
    },
  };
}

function full(found: string): LayerfsError {
  return new LayerfsError("NO_SPACE", `the disk is full: ${found}`, { hint: "free some space, or use another --root" });
}
