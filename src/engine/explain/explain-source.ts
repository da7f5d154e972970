import { chainIDs } from "../../core/chain-id.ts";
import type { Image } from "../../core/image.ts";
import { formatPlatform } from "../../core/platform.ts";
import { familiarString } from "../../core/reference.ts";
import type { ReadOptions } from "../engine.ts";
import { refuseUnsupported } from "../images/refuse-unsupported.ts";
import { layerEntries } from "../tree/layer-stream.ts";
import { layerMakers } from "./explain-history.ts";
import { explainPath } from "./explain-path.ts";
import type { Explanation, LayerSummary } from "./explanation.ts";

/**
 * An image as it lies in an archive or a layout: digests, chain IDs and sizes, but no directories. `name` is the source
 * as it was given. Layers are read only where a path is asked for; then they are verified. Fails with NOT_FOUND for a
 * path that no layer has, and as `layerEntries`.
 */
export async function explainSource(
  name: string,
  image: Image,
  path: Buffer | null,
  options: ReadOptions,
): Promise<Explanation> {
  refuseUnsupported(image.config);
  const makers = layerMakers(image.config.history);
  const chain = chainIDs(image.config.rootfs.diffIDs);
  return {
    source: name,
    id: image.id,
    names: image.names.map(familiarString),
    manifests: image.manifest === undefined ? [] : [image.manifest.digest],
    created: image.config.created ?? null,
    platform: formatPlatform(image.platform),
    driver: null,
    layers: image.layers.map(
      ({ diffID, extent, blobDigest }, index): LayerSummary => ({
        diffID,
        chainID: chain[index]!,
        parent: chain[index - 1] ?? null,
        ...{ cacheID: null, size: null, directory: null, link: null },
        storedSize: extent?.length ?? null,
        createdBy: makers[index]?.createdBy ?? null,
        sharedWith: [],
        blobs: blobDigest === undefined ? [] : [{ digest: blobDigest, repository: null }],
      }),
    ),
    ...{ mountCommand: null, shortMountCommand: null, problems: [] },
    path:
      path === null
        ? null
        : await explainPath(
            image.layers.map((layer) => () => layerEntries(layer, options)),
            path,
          ),
  };
}
