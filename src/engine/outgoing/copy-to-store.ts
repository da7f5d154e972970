import { LayerfsError, printable } from "../../core/errors.ts";
import { hostPlatform, parsePlatform } from "../../core/platform.ts";
import { familiarString, type NamedReference, parseReference, withDefaultTag } from "../../core/reference.ts";
import { withName } from "../../image/repositories.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { chooseManifest } from "../../source/registry/choose-manifest.ts";
import type { RegistryClient } from "../../source/registry/registry-client.ts";
import type { RequestOptions } from "../../source/registry/repository.ts";
import { parseSourceName } from "../../source/source-name.ts";
import { parseDockerRoot } from "../docker-root.ts";
import type { EngineOptions } from "../engine.ts";
import { loadInput } from "../incoming/load-input.ts";
import { DOWNLOADS_AT_ONCE } from "../incoming/pull.ts";
import { pullManifest } from "../incoming/pull-manifest.ts";
import type { Stores } from "../stores.ts";
import type { CopiedImage, ImageCopyOptions } from "./copy.ts";

export interface StoreContext {
  readonly stores: Stores;
  readonly registries: () => Promise<Pick<RegistryClient, "repository">>;
  readonly pool: ApplyPool;
}

/** Brings the one image of a source into the store, under a name of the user's choice. */
export async function copyToStore(
  context: StoreContext,
  from: string,
  to: string,
  options: ImageCopyOptions & Pick<EngineOptions, "maxConcurrentDownloads">,
): Promise<CopiedImage[]> {
  refuseChoices(options);
  const name = nameInStore(to);
  const source = parseSourceName(from);
  if (parseDockerRoot(from) !== null) {
    throw new LayerfsError("UNSUPPORTED", `${printable(from)}: no image goes from one data root into another at once`, {
      hint: "copy it to an OCI layout, and from there into the store",
    });
  }
  if (source === null) {
    throw new LayerfsError("USAGE", `${printable(from)} and ${printable(to)} are both names of the store`, {
      hint: "give an image one more name with layerfs tag, or name a transport such as oci:DIR",
    });
  }
  if (source.transport === "docker") return [await pullAs(context, source.reference, name, options)];
  const loaded = await loadInput(context.stores, { source: from }, context.pool, options, name);
  return loaded.map(({ id, names }) => ({ digest: id, names }));
}

async function pullAs(
  { stores, registries, pool }: StoreContext,
  reference: NamedReference,
  name: NamedReference,
  options: ImageCopyOptions & Pick<EngineOptions, "maxConcurrentDownloads">,
): Promise<CopiedImage> {
  const { platform, signal, onProgress, maxConcurrentDownloads: atOnce = DOWNLOADS_AT_ONCE } = options;
  const repository = (await registries()).repository(reference);
  const request: RequestOptions = { signal, onRetry: (event) => onProgress?.({ type: "retry", ...event }) };
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const { tag = "", digest } = withDefaultTag(reference);
  const { manifest } = await chooseManifest(repository, digest ?? tag, wanted, request);
  return pullManifest({ stores, repository, pool, request, options, atOnce }, manifest, (before, id) => ({
    repositories: withName(before, name, id),
    answer: { digest: id, names: [familiarString(name)] },
  }));
}

function refuseChoices({ all, compression }: ImageCopyOptions): void {
  if (all === true) throw new LayerfsError("USAGE", "an image of the store has one platform, it cannot take all");
  if (compression === undefined) return;
  throw new LayerfsError("USAGE", "the store keeps no packed layers, they cannot be packed for it");
}

function nameInStore(text: string): NamedReference {
  const name = withDefaultTag(parseReference(text));
  if (name.digest === undefined) return name;
  throw new LayerfsError("USAGE", `${printable(text)}: expected a name with a tag, found one with a digest`);
}
