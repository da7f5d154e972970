import { command } from "../file-system.ts";
import type { LayerFile } from "./layout-layers.ts";
import { parseTarListing, TAR_ENVIRONMENT, TAR_LISTING, type TarListedNode } from "./tar-listing.ts";
import type { ListedNode } from "./wrong-answers.ts";

export interface LayerNode extends ListedNode {
  /** Counted from 0, the lowest. */
  readonly layer: number;
}

const SMALL = 64 * 1024;

/** A small file near the middle of the largest of the layers that the image still shows; null where there is none. */
export function middleFile(layers: readonly LayerFile[], shown: readonly LayerNode[]): string | null {
  const largest = layers.reduce((best, { size }, index) => (size > (layers[best]?.size ?? 0) ? index : best), 0);
  const file = layers[largest]?.path;
  if (file === undefined) return null;
  const environment = Object.entries(TAR_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  const output = command("env", ...environment, "tar", ...TAR_LISTING, "--block-number", "--gzip", "--file", file);
  const visible = new Set(shown.filter(({ layer }) => layer === largest).map(({ path }) => path));
  return nearestToMiddle(parseTarListing(output), visible);
}

/** Only plain names are taken: they can be given to any command. */
export function nearestToMiddle(entries: readonly TarListedNode[], visible: ReadonlySet<string>): string | null {
  const middle = Math.max(0, ...entries.map(({ offset }) => offset ?? 0)) / 2;
  const distance = ({ offset }: TarListedNode): number => Math.abs((offset ?? 0) - middle);
  const candidates = entries.filter(
    ({ path, size }) => size !== null && size > 0 && size <= SMALL && visible.has(path) && /^[\w./+-]+$/.test(path),
  );
  return (
    candidates.reduce<TarListedNode | null>(
      (best, entry) => (best === null || distance(entry) < distance(best) ? entry : best),
      null,
    )?.path ?? null
  );
}
