import { createHash } from "node:crypto";
import { chainIDs } from "../core/chain-id.ts";
import { digestFromHex } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Image, Layer } from "../core/image.ts";
import { formatPlatform } from "../core/platform.ts";
import { familiarString } from "../core/reference.ts";
import type { TarEntry } from "../tar/entry.ts";
import { tarReader } from "../tar/reader.ts";
import type { LayerEntry } from "../view/merged-tree.ts";
import { layerMakers } from "./explain-history.ts";
import { explainPath } from "./explain-path.ts";
import type { Explanation, LayerSummary } from "./explanation.ts";

/**
 * An image as it lies in an archive or a layout: digests, chain IDs and sizes, but no directories. Layers are read only
 * where a path is asked for; then they are verified. Fails with AMBIGUOUS unless the source holds one image, NOT_FOUND
 * for a path that no layer has, DIGEST_MISMATCH for a layer with a wrong diffID.
 */
export async function explainSource(
  source: { readonly name: string; readonly images: readonly Image[] },
  path: Buffer | null,
): Promise<Explanation> {
  const image = onlyImage(source);
  const makers = layerMakers(image.config.history);
  const chain = chainIDs(image.config.rootfs.diffIDs);
  return {
    source: source.name,
    id: image.id,
    names: image.names.map(familiarString),
    manifests: [],
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
            image.layers.map((layer) => () => layerEntries(layer)),
            path,
          ),
  };
}

function onlyImage({ name, images }: { readonly name: string; readonly images: readonly Image[] }): Image {
  const [image] = images;
  if (image === undefined) throw new LayerfsError("NOT_FOUND", `${printable(name)} holds no image`);
  if (images.length === 1) return image;
  const names = images.map((each) => each.names.map(familiarString)[0] ?? each.id);
  throw new LayerfsError("AMBIGUOUS", `${printable(name)} holds ${images.length} images`, {
    hint: `name one of them as ${printable(name)}:NAME: ${names.map(printable).join(", ")}`,
  });
}

/** The entries of a layer's tar, whose diffID is verified when all of it was read. */
async function* layerEntries(layer: Layer): AsyncGenerator<LayerEntry> {
  const entries: TarEntry[] = [];
  const hash = createHash("sha256");
  const reader = tarReader({ raw() {}, entry: (entry) => entries.push(entry), payload() {}, endEntry() {} });
  for await (const chunk of layer.openTar()) {
    hash.update(chunk);
    reader.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    for (const entry of entries.splice(0)) yield { entry, storedName: entry.name };
  }
  reader.end();
  const found = digestFromHex(hash.digest("hex"));
  if (found === layer.diffID) return;
  throw new LayerfsError("DIGEST_MISMATCH", `layer ${layer.diffID}: its tar has the digest ${found}`, {
    hint: "the archive is damaged; save the image again",
  });
}
