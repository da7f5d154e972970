import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError, printable } from "../core/errors.ts";
import type { Image, ImageSource } from "../core/image.ts";
import { parseIndex } from "../core/image-index.ts";
import { parseJson } from "../core/json.ts";
import { type Manifest, parseManifest } from "../core/manifest.ts";
import { isImageConfig, isIndex } from "../core/media-types.ts";
import { formatPlatform, hostPlatform, type Platform, selectPlatform } from "../core/platform.ts";
import { type NamedReference, parseReference } from "../core/reference.ts";
import { readExtent } from "./extent.ts";
import { blobExtent, layoutDocuments, readFile } from "./layout-blobs.ts";
import { FULL_NAME, REF_NAME } from "./layout-documents.ts";
import { type LayoutFiles, layoutInDirectory } from "./layout-files.ts";
import { readLayoutImage } from "./layout-image.ts";
import { artifactInstead } from "./manifest-image.ts";
import type { ManifestRoot, ManifestSource } from "./manifest-source.ts";
import { isImageCandidate, noneFor, notAnImage, selectManifest } from "./select-manifest.ts";
import type { Selection } from "./source-name.ts";

export interface LayoutOptions {
  /** Which images; null for all. */
  readonly image?: Selection | undefined;
  /** Of an image for several platforms the one that is taken; default: this machine's. */
  readonly platform?: Platform | undefined;
}

const INDEX = "index.json";
const LAYOUT = "oci-layout";

/** Opens an OCI layout in a directory (image-spec, image-layout.md); see `readLayout`. NOT_FOUND: no such directory. */
export function openOciLayout(directory: string, options: LayoutOptions = {}): Promise<ImageSource> {
  return readLayout(layoutInDirectory(directory), options);
}

/**
 * The images of a layout, which is closed with them, or now if this fails. Entries of `index.json` with one name, or
 * none, that differ in their platform are one image; one manifest under several names is one image with those names.
 *
 * Codes: INVALID_ARCHIVE for a layout that is not whole, NOT_FOUND (no image of that name or platform), AMBIGUOUS (more
 * than one of that name), and those of `readLayoutImage` and of `selectManifest`.
 */
export async function readLayout(files: LayoutFiles, options: LayoutOptions): Promise<ImageSource> {
  try {
    const images = await readImages(files, options);
    return { images, [Symbol.asyncDispose]: () => files.close() };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/**
 * The same images as the manifests that they are, whatever these describe; the layout is closed with them, or now if
 * this fails. With `all`, indexes stand for all that is in them. Codes: as `readLayout`, less those of configs.
 */
export async function readLayoutManifests(
  files: LayoutFiles,
  { image = null, platform, all }: LayoutOptions & { readonly all: boolean },
): Promise<ManifestSource> {
  try {
    const wanted = platform ?? hostPlatform();
    const documents = layoutDocuments(files);
    await checkVersion(files);
    const entries = chooseEntries(files, parseIndex(await readFile(files, INDEX)).manifests, image);
    const roots: ManifestRoot[] = [];
    for (const entry of all ? entries : choosePlatforms(files, entries, wanted)) {
      const isChoice = !all && isIndex(entry.mediaType);
      const { annotations } = entry;
      const descriptor = isChoice ? { ...(await selectManifest(documents, entry, wanted)), annotations } : entry;
      roots.push({ descriptor, names: imageNames(entry) });
    }
    if (roots.length === 0) throw noImage(files, []);
    return {
      documents,
      roots,
      openBlob: (descriptor) => readExtent(blobExtent(files, descriptor), files.title),
      [Symbol.asyncDispose]: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Whether an archive that is no docker-archive is to be read as a layout. */
export function isLayout(files: Pick<LayoutFiles, "has">): boolean {
  return files.has(INDEX) || files.has(LAYOUT);
}

async function readImages(files: LayoutFiles, { image = null, platform }: LayoutOptions): Promise<Image[]> {
  const wanted = platform ?? hostPlatform();
  const documents = layoutDocuments(files);
  await checkVersion(files);
  const { manifests } = parseIndex(await readFile(files, INDEX));
  const images = new Map<Digest, Image>();
  const artifacts: Manifest[] = [];
  for (const entry of choosePlatforms(files, chooseEntries(files, manifests, image), wanted)) {
    const descriptor = isIndex(entry.mediaType) ? await selectManifest(documents, entry, wanted) : entry;
    const manifest = parseManifest(await documents.read(descriptor), documents.title);
    if (!isImageConfig(manifest.config.mediaType)) {
      artifacts.push(manifest);
      continue;
    }
    const found = await readLayoutImage(files, manifest, imageNames(entry));
    const names = [...(images.get(found.id)?.names ?? []), ...found.names];
    images.set(found.id, { ...found, names });
  }
  if (images.size === 0) throw noImage(files, artifacts);
  if (images.size > 1 && image !== null) throw ambiguous(files, images.size);
  return [...images.values()];
}

async function checkVersion(files: LayoutFiles): Promise<void> {
  if (!files.has(LAYOUT) && !files.has(INDEX)) {
    throw invalid(files, `there is neither ${LAYOUT} nor ${INDEX}, so it is no OCI layout`);
  }
  if (!files.has(LAYOUT)) return;
  const node = parseJson(await readFile(files, LAYOUT), {
    title: `${files.title}: ${LAYOUT}`,
    code: "INVALID_ARCHIVE",
  });
  const version = node.field("imageLayoutVersion").string();
  if (/^1\.\d+\.\d+$/.test(version)) return;
  throw new LayerfsError("UNSUPPORTED", `${files.title}: version ${printable(version)} of the layout is not supported`);
}

function chooseEntries(files: LayoutFiles, entries: readonly Descriptor[], image: Selection): readonly Descriptor[] {
  if (image === null) return entries;
  if ("index" in image) {
    const entry = entries[image.index];
    if (entry !== undefined) return [entry];
    throw new LayerfsError(
      "NOT_FOUND",
      `${files.title}: there is no image @${image.index}, it holds ${entries.length}`,
    );
  }
  const named = entries.filter(
    ({ annotations }) => annotations?.get(REF_NAME) === image.name || annotations?.get(FULL_NAME) === image.name,
  );
  if (named.length > 0) return named;
  const names = entries.map(nameOf).filter((name) => name !== undefined);
  throw new LayerfsError("NOT_FOUND", `${files.title}: there is no image ${printable(image.name)}`, {
    hint: names.length === 0 ? "its images have no names" : `it holds ${names.map(printable).join(", ")}`,
  });
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.get(FULL_NAME) ?? annotations?.get(REF_NAME);
}

/**
 * Of the entries under one name, those for the platform; entries that name no platform are images of their own. What
 * is no image is passed over, unless there is nothing else.
 */
function choosePlatforms(files: LayoutFiles, entries: readonly Descriptor[], wanted: Platform): Descriptor[] {
  const images = entries.filter((entry) => isIndex(entry.mediaType) || isImageCandidate(entry));
  const [first] = entries;
  if (images.length === 0 && first !== undefined) throw notAnImage(files, first);
  return [...Map.groupBy(images, nameOf)].flatMap(([name, group]) => {
    if (group.length === 1 || group.every(({ platform }) => platform === undefined)) return group;
    const best = selectPlatform(group, wanted, ({ platform }) => platform)?.platform;
    const found = group.filter(({ platform }) => platform === undefined || isSame(platform, best));
    if (found.length === 0) throw noneFor(files, name === undefined ? INDEX : printable(name), wanted, group);
    return found;
  });
}

function isSame(platform: Platform, other: Platform | undefined): boolean {
  return other !== undefined && formatPlatform(platform) === formatPlatform(other);
}

/** The name that an entry gives its image: the whole one, else `ref.name` where that is a name with a tag. */
function imageNames({ annotations }: Descriptor): NamedReference[] {
  for (const text of [annotations?.get(FULL_NAME), annotations?.get(REF_NAME)]) {
    const reference = text === undefined ? undefined : tryParseTagged(text);
    if (reference !== undefined) return [reference];
  }
  return [];
}

function tryParseTagged(text: string): NamedReference | undefined {
  try {
    const { digest, ...reference } = parseReference(text);
    return reference.tag === undefined ? undefined : reference;
  } catch (error) {
    if (isLayerfsError(error, "INVALID_REFERENCE")) return undefined;
    throw error;
  }
}

function noImage(files: LayoutFiles, [artifact]: readonly Manifest[]): LayerfsError {
  if (artifact === undefined) return invalid(files, `${INDEX} names no image`);
  return artifactInstead(files.title, artifact);
}

function ambiguous(files: LayoutFiles, count: number): LayerfsError {
  return new LayerfsError("AMBIGUOUS", `${files.title}: ${count} images have this name`, {
    hint: "name one by its place in index.json, the first as @0",
  });
}

function invalid(files: LayoutFiles, problem: string): LayerfsError {
  return new LayerfsError("INVALID_ARCHIVE", `${files.title}: ${problem}`);
}
