import { tmpdir } from "node:os";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Image, ImageSource } from "../core/image.ts";
import { parsePlatform } from "../core/platform.ts";
import { canonicalString, familiarString } from "../core/reference.ts";
import type { ArchiveOptions } from "../source/archive-file.ts";
import { openArchive, openSource, type SourceOptions } from "../source/open-source.ts";
import { parseSourceName } from "../source/source-name.ts";
import { parseDockerRoot } from "./docker-root.ts";
import type { CallOptions, EngineOptions, LoadInput, ReadOptions } from "./engine.ts";
import { laterStream } from "./later.ts";

const directoryTar = laterStream(async () => (await import("../layer/diff-tar.ts")).directoryTar);

/** A call, and what a source may need beside it. */
export interface SourceCall extends ReadOptions {
  readonly registries?: SourceOptions["registries"];
  readonly onRetry?: EngineOptions["onRetry"];
  readonly onProgress?: CallOptions["onProgress"];
}

/** One image of a source, which is closed with it. */
export interface OpenedImage extends AsyncDisposable {
  readonly image: Image;
}

type SpoolOptions = Pick<ArchiveOptions, "spoolDirectory" | "beforeSpooling">;

/** Opens what is to be loaded. `spool`: see `SourceOptions`. */
export async function openLoadInput(input: LoadInput, call: SourceCall, spool: SpoolOptions): Promise<ImageSource> {
  const options = sourceOptions(call, spool);
  if ("file" in input) return openArchive(input.file, options);
  if ("stream" in input) return openArchive({ stream: input.stream as AsyncIterable<Uint8Array> }, options);
  const reference = registryReference(input.source);
  if (reference !== null) {
    throw new LayerfsError("UNSUPPORTED", `source ${printable(input.source)}: images of registries are pulled`, {
      hint: `layerfs pull ${reference}`,
    });
  }
  const source = openSource(input.source, options);
  if (source !== null) return source;
  throw new LayerfsError("USAGE", `source ${printable(input.source)}: expected oci:DIR, oci-archive:FILE or the like`, {
    hint: `if it is an archive, give it with -i: layerfs load -i ${printable(input.source)}`,
  });
}

/**
 * Opens the one image of a source, null where `text` names an image of the store. Fails with AMBIGUOUS for a source of
 * several images, USAGE for a platform with an image of the store, and as `openSource`.
 */
export async function openSourceImage(text: string, call: SourceCall): Promise<OpenedImage | null> {
  const opening = openSource(text, sourceOptions(call, { spoolDirectory: tmpdir() }));
  if (opening === null) {
    if (call.platform === undefined) return null;
    throw new LayerfsError(
      "USAGE",
      `image ${printable(text)}: an image of the store has one platform, there is no choice`,
      {
        hint: "a platform goes with a source such as oci:DIR",
      },
    );
  }
  const source = await opening;
  const [image, ...others] = source.images;
  if (image !== undefined && others.length === 0) return { ...source, image };
  await source[Symbol.asyncDispose]();
  throw new LayerfsError("AMBIGUOUS", `${printable(text)}: there are ${source.images.length} images, expected one`, {
    hint: `add its name or its place: ${source.images.map(selectorOf).join(", ")}`,
  });
}

/** For what is done to images of the store only; `what` is that, such as "mounted". Fails with UNSUPPORTED. */
export function refuseSource(text: string, what: string): void {
  if (parseSourceName(text) === null && parseDockerRoot(text) === null) return;
  const reference = registryReference(text);
  throw new LayerfsError("UNSUPPORTED", `${printable(text)}: only an image of the store can be ${what}`, {
    hint:
      reference === null
        ? `load it first: layerfs load ${printable(text)}`
        : `pull it first: layerfs pull ${reference}`,
  });
}

/** What `docker://` stands before, for messages; null for another source. */
function registryReference(text: string): string | null {
  const name = parseSourceName(text);
  return name?.transport === "docker" ? canonicalString(name.reference) : null;
}

export function sourceOptions(call: SourceCall, spool: SpoolOptions): SourceOptions {
  const { platform, signal, registries, onRetry, onProgress } = call;
  return {
    ...spool,
    directoryTar,
    signal,
    registries,
    onRetry: onRetry ?? (onProgress && ((event) => onProgress({ type: "retry", ...event }))),
    platform: platform === undefined ? undefined : parsePlatform(platform),
  };
}

function selectorOf({ names }: Image, index: number): string {
  return names[0] === undefined ? `:@${index}` : `:${familiarString(names[0])}`;
}
