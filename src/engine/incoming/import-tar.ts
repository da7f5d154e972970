import { join } from "node:path";
import { chainIDs } from "../../core/chain-id.ts";
import type { ImageConfig } from "../../core/config.ts";
import { changeConfig } from "../../core/config-changes/change-config.ts";
import type { Digest } from "../../core/digest.ts";
import { encodeConfig } from "../../core/encode-config.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { hostPlatform, type Platform, parsePlatform } from "../../core/platform.ts";
import { familiarString, type NamedReference, parseReference, withDefaultTag } from "../../core/reference.ts";
import { normaliseRunConfig } from "../../core/run-config.ts";
import { writeLastTagTime } from "../../image/metadata.ts";
import { findName, type Repositories, readRepositories, withName } from "../../image/repositories.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import { exclusively } from "../../layer/store.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { SourceCallOptions } from "../engine.ts";
import type { SpoolOptions } from "../spool.ts";
import type { Stores } from "../stores.ts";
import { type LayerTar, openLayerTar, type TarInput } from "./layer-tar.ts";
import { storeImage } from "./store-image.ts";

export interface ImportOptions extends SourceCallOptions {
  /** Name of the new image, with the tag `latest` where it has none. Default: it is known by its id only. */
  readonly reference?: string | undefined;
  /** Default: `Imported from -`. */
  readonly message?: string | undefined;
  /** Instructions of a Dockerfile for the new image's config; see `changeConfig`. */
  readonly changes?: readonly string[] | undefined;
}

export interface ImportedImage {
  readonly id: Digest;
  readonly name: string | null;
}

/**
 * Makes an image of one layer of a tar, as `docker import` does. It becomes visible when it is whole. Fails, before the tar
 * is read, with INVALID_CONFIG, INVALID_REFERENCE, INVALID_PLATFORM and UNSUPPORTED (another system than Linux), then as
 * `openLayerTar` and as a layer of an image that is loaded.
 */
export async function importTar(
  stores: Stores,
  input: TarInput,
  pool: ApplyPool,
  options: ImportOptions,
): Promise<ImportedImage> {
  const name = options.reference === undefined ? null : parseName(options.reference);
  const platform = platformOf(options.platform);
  const config = normaliseRunConfig(changeConfig({}, options.changes ?? []));
  const spoolDirectory = join(stores.layers.layout.own, "tmp");
  makeDirectories(spoolDirectory, 0o700);
  const fd = openDirectory(spoolDirectory);
  try {
    const beforeSpooling = spaceGuard(fd, { maxLayerSize: stores.maxLayerSize }).bytes;
    const spool: SpoolOptions = { spoolDirectory, beforeSpooling, signal: options.signal };
    await using tar = await openLayerTar(input, spool);
    const message = options.message || "Imported from -";
    return await storeTar(stores, tar, configOf(tar.diffID, { platform, config, message }), name, pool, options);
  } finally {
    close(fd);
  }
}

async function storeTar(
  stores: Stores,
  tar: LayerTar,
  config: ImageConfig,
  name: NamedReference | null,
  pool: ApplyPool,
  options: ImportOptions,
): Promise<ImportedImage> {
  const id = config.digest;
  const incoming = {
    config,
    stored: [{ size: tar.extent.length }],
    reason: `import ${chainIDs(config.rootfs.diffIDs).at(-1)}`,
    bytesOf: async (places: readonly number[]) =>
      places.map(() => ({ kind: "blob" as const, extent: tar.extent, digest: null })),
    name: (before: Repositories) => ({
      repositories: name === null ? before : withName(before, name, id),
      answer: { id, name: name && familiarString(name) },
    }),
  };
  const imported = await storeImage(stores, incoming, pool, options);
  if (name !== null) await noteTagTime(stores, name, id);
  return imported;
}

function noteTagTime({ layers, images }: Stores, name: NamedReference, id: Digest): Promise<void> {
  return exclusively(layers, () => {
    if (findName(readRepositories(images), name) === id) writeLastTagTime(images, id, new Date());
  });
}

interface NewImage {
  readonly platform: Platform;
  readonly config: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** The fields that Docker 20.10 writes (moby, daemon/images/image_import.go), but for its own version. */
function configOf(diffID: Digest, { platform, config, message }: NewImage): ImageConfig {
  const created = new Date().toISOString();
  const { os, architecture, variant } = platform;
  return encodeConfig({
    architecture,
    ...(variant !== undefined && { variant }),
    comment: message,
    config,
    container_config: normaliseRunConfig({}),
    created,
    history: [{ created, comment: message }],
    os,
    rootfs: { type: "layers", diff_ids: [diffID] },
  });
}

function parseName(text: string): NamedReference {
  const name = withDefaultTag(parseReference(text));
  if (name.digest === undefined) return name;
  throw new LayerfsError("INVALID_REFERENCE", "cannot import digest reference", {
    hint: `${printable(text)} names one manifest for ever; leave out what follows the @`,
  });
}

function platformOf(text: string | undefined): Platform {
  const platform = text === undefined ? hostPlatform() : parsePlatform(text);
  if (platform.os === "linux") return platform;
  throw new LayerfsError("UNSUPPORTED", `operating system is not supported: ${printable(platform.os)}`, {
    hint: "only images for linux can be unpacked here",
  });
}
