import type { Digest } from "../../core/digest.ts";
import type { RegistrySettings } from "../../source/registry/settings.ts";
import { fromAnyError } from "../../sys/errno.ts";
import type { View } from "../../view/view.ts";
import type { SourceCallOptions } from "../engine.ts";
import { openStores } from "../open-stores.ts";
import { dataRoot } from "../root.ts";
import type { ImageLayer } from "./image-layer.ts";
import { openCache } from "./layer-index/default-cache.ts";
import { type LayerStack, openStack } from "./layer-stack.ts";
import { type Provenance, provenanceOf } from "./provenance.ts";
import { type ScanHandlers, type ScanResult, scanLayers } from "./scan.ts";

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
    const finder = {
      text: source,
      call: { ...options, cache: openCache(options.cacheDirectory) },
      reading: () => openStores({ root: dataRoot(options.root), storageOptions: new Map() }, "read"),
    };
    return await openStack(finder, (stack) => imageOf(stack, options.signal));
  } catch (error) {
    throw fromAnyError(error);
  }
}

function imageOf(stack: LayerStack, signal: AbortSignal | undefined): Image {
  const { id, platform, config, layers } = stack;
  return {
    ...{ id, names: stack.names(), platform, config: config.raw, layers },
    view: () => stack.view(),
    provenance: (path) => provenanceOf(layers, Buffer.from(path)),
    scan: (handlers) => scanLayers(layers, handlers, signal),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}
