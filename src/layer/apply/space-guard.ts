import { LayerfsError } from "../../core/errors.ts";
import { statfs } from "../../sys/stat.ts";

export interface SpaceLimits {
  /** Most bytes of content in one layer; null for no limit but the disk's. */
  readonly maxLayerSize: number | null;
}

const CHECK_EVERY = 32 * 1024 * 1024;
/** What a node costs on disk besides its content: an inode and a share of its directory. */
const NODE_COST = 512;
const MAX_RESERVE = 128 * 1024 * 1024;
const RESERVE_SHARE = 50;

/** Stops a layer before it fills the disk. */
export interface SpaceGuard {
  /** Fails with LIMIT_EXCEEDED past `maxLayerSize`, NO_SPACE where less than the reserve is left on the disk. */
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
  let unchecked = CHECK_EVERY;
  const check = (): void => {
    unchecked = 0;
    const { blockSize, blocks, available } = statfs(fd);
    const reserve = reserveOf(blockSize * blocks);
    if (available >= reserve) return;
    throw new LayerfsError(
      "NO_SPACE",
      `the disk is full: ${available} bytes are free, ${reserve} are kept in reserve`,
      {
        hint: "free some space, or use another --root",
      },
    );
  };
  const spend = (cost: number): void => {
    unchecked += cost;
    if (unchecked >= CHECK_EVERY) check();
  };
  return {
    node: () => spend(NODE_COST),
    bytes(count) {
      total += count;
      if (limits.maxLayerSize !== null && total > limits.maxLayerSize) {
        throw new LayerfsError("LIMIT_EXCEEDED", `the layer has more than ${limits.maxLayerSize} bytes`, {
          hint: "raise --max-layer-size if the image is meant to be that large",
        });
      }
      spend(count);
    },
  };
}
