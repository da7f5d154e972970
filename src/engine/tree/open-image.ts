import { configPlatform } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { formatPlatform } from "../../core/platform.ts";
import { familiarString } from "../../core/reference.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import type { RegistrySettings } from "../../source/registry/settings.ts";
import { fromAnyError } from "../../sys/errno.ts";
import type { View } from "../../view/view.ts";
import { findStores, type ImageInStores } from "../docker-root.ts";
import type { SourceCallOptions } from "../engine.ts";
import { openStoredImage } from "../images/stored-image.ts";
import { openStores } from "../open-stores.ts";
import { dataRoot } from "../root.ts";
import { type OpenedImage, openSourceImage } from "../source.ts";
import type { ImageLayer } from "./image-layer.ts";
import { type ImageViewOptions, imageView } from "./image-view.ts";
import type { IndexCache } from "./layer-index/cache.ts";
import { openCache } from "./layer-index/default-cache.ts";
import { type Provenance, provenanceOf } from "./provenance.ts";
import { type ScanHandlers, type ScanResult, scanLayers } from "./scan.ts";
import { sourceLayers } from "./source-layers.ts";
import { storedLayers } from "./stored-layers.ts";

export interface OpenImageOptions extends SourceCallOptions {
  /** Data root of the store, for a name that is no source. Default: as for `openEngine`. */
  readonly root?: string | undefined;
  /**
   * Where is kept what makes a second look quick: `layerfs` in the user's cache directory by default, null for nowhere.
   * At most 1 GiB, and of no use to anybody else.
   */
  readonly cacheDirectory?: string | null | undefined;
  /** How registries are reached, for `docker://` (docs/registries.md). */
  readonly registries?: RegistrySettings | undefined;
}

/** An image that was opened to be read: no privilege is needed but to read its files, and nothing is extracted. */
export interface Image extends AsyncDisposable {
  /** Digest of its config. */
  readonly id: Digest;
  /** Familiar names that it has where it lies, such as `nginx:latest`. */
  readonly names: readonly string[];
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** The whole config, as the image has it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
  /** What all layers together show; computed at the first call. */
  view(): Promise<View>;
  /** What each layer does to a path. Fails with NOT_FOUND where none has it. */
  provenance(path: string | Uint8Array): Promise<Provenance>;
  /** Reads all layers once and hands over the wanted files, in every version. See `ScanHandlers`. */
  scan<R>(handlers: ScanHandlers<R>): Promise<ScanResult<R>>;
}

/**
 * Opens one image, wherever it lies: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, `dir:PATH`,
 * `docker://REFERENCE` (in a registry), `docker-root:PATH[:IMAGE]` (another data root, which is only read), or a name or
 * id of the store. Layers of a source are verified whenever one is read to its end.
 *
 * Codes: NOT_FOUND, AMBIGUOUS (several images), UNSUPPORTED, USAGE, and those of the source.
 */
export async function openImage(source: string, options: OpenImageOptions = {}): Promise<Image> {
  try {
    const opened = await openSourceImage(source, options);
    const cache = openCache(options.cacheDirectory);
    if (opened !== null) return await orClose(opened, () => imageOfSource(opened, { ...options, cache }));
    const root = dataRoot(options.root);
    const own = () => openStores({ root, storageOptions: new Map() }, "read");
    return imageOfStores(await findStores(source, own), { ...options, cache });
  } catch (error) {
    throw fromAnyError(error);
  }
}

async function orClose<T>(opened: AsyncDisposable, make: () => T): Promise<T> {
  try {
    return make();
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

type OpenedOptions = OpenImageOptions & { readonly cache: IndexCache | null };

function imageOfSource(opened: OpenedImage, options: OpenedOptions): Image {
  const { id, names, platform, config } = opened.image;
  return {
    ...{ id, names: names.map(familiarString), platform: formatPlatform(platform), config: config.raw },
    ...reading(sourceLayers(opened.image, options), { ...options, naming: "number" }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function imageOfStores({ stores, name }: ImageInStores, options: OpenedOptions): Image {
  const stored = openStoredImage(stores, name);
  const { id, config } = stored;
  const names = tagsOf(readRepositories(stores.images), id).map((tag) => tag.name);
  return {
    ...{ id, names, platform: formatPlatform(configPlatform(config)), config: config.raw },
    ...reading(storedLayers(stores, stored), { ...options, naming: "path" }),
    [Symbol.asyncDispose]: async () => {},
  };
}

function reading(
  layers: readonly ImageLayer[],
  options: ImageViewOptions,
): Pick<Image, "layers" | "view" | "provenance" | "scan"> {
  let made: Promise<View> | null = null;
  const view = (): Promise<View> => {
    made ??= imageView(layers, options);
    // A failure is not kept: the next call tries again.
    made.catch(() => {
      made = null;
    });
    return made;
  };
  return {
    layers,
    view,
    provenance: (path) => provenanceOf(layers, Buffer.from(path)),
    scan: (handlers) => scanLayers(layers, handlers, options.signal),
  };
}
