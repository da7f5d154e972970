import type { Descriptor } from "../core/descriptor.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import { type ImageIndex, parseIndex } from "../core/image-index.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";
import { isIndex, isManifest, isSchema1 } from "../core/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "../core/platform.ts";
import type { Documents } from "./documents.ts";

/** An index in an index is rare, a third level has not been seen; the bound also ends what refers to itself. */
const MAX_DEPTH = 8;
/** Indexes and manifests that are looked at for one image. */
const MAX_DOCUMENTS = 1000;
/** Of all indexes that are read for one image; what they list stays in memory until one is chosen. */
const MAX_BYTES = 4 * MAX_JSON_BYTES;

/** Set by BuildKit on the manifests of attestations, which are no images. */
const REFERENCE_TYPE = "vnd.docker.reference.type";

/**
 * The descriptor of the manifest that runs on the platform, out of an index and all indexes in it. Artifacts,
 * attestations and what has an unknown media type are passed over, as the specification demands of readers of an index.
 *
 * Fails with NOT_FOUND naming the platforms that are there, with INVALID_MANIFEST where no image is there at all, with
 * LIMIT_EXCEEDED for indexes too deep or too many, and as `documents.read`.
 */
export async function selectManifest(documents: Documents, root: Descriptor, wanted: Platform): Promise<Descriptor> {
  const found = await collectManifests(documents, root);
  const manifests = found.filter(isImageCandidate);
  const [only, ...others] = manifests;
  if (only === undefined) throw noImages(documents, root, found);
  if (others.length === 0 && only.platform === undefined) return only;
  const best = selectPlatform(manifests, wanted, ({ platform }) => platform);
  if (best === undefined) throw noneFor(documents, `index ${root.digest}`, wanted, manifests);
  return best;
}

export function isImageCandidate({ mediaType, artifactType, platform, annotations }: Descriptor): boolean {
  if (!isManifest(mediaType) || artifactType !== undefined || annotations?.has(REFERENCE_TYPE)) return false;
  return platform?.os !== "unknown" || platform.architecture !== "unknown";
}

/** The refusal of a choice of platform, with those that are there. */
export function noneFor(
  { title }: Pick<Documents, "title">,
  object: string,
  wanted: Platform,
  candidates: readonly { readonly platform?: Platform | undefined }[],
): LayerfsError {
  const there = [...new Set(candidates.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : [])))];
  return new LayerfsError(
    "NOT_FOUND",
    `${title}: ${object} has no image for ${formatPlatform(wanted)}, only for ${there.map(printable).join(", ") || "no platform at all"}`,
    { hint: there[0] === undefined ? undefined : `choose one with --platform ${printable(there[0])}` },
  );
}

/** The refusal of what is neither an index nor a manifest; the media type is in the message. */
export function notAnImage({ title }: Pick<Documents, "title">, { digest, mediaType }: Descriptor): LayerfsError {
  if (isSchema1(mediaType)) {
    return new LayerfsError("UNSUPPORTED", `${title}: ${digest} is a manifest of Docker's schema 1`, {
      hint: "push the image again with a Docker of 1.10 or later, which writes schema 2",
    });
  }
  return new LayerfsError("UNSUPPORTED", `${title}: ${digest} is no image: its media type is ${mediaType}`);
}

/** Breadth first, as they are listed. What an index in an index leaves out, its own platform, is the outer one's word. */
async function collectManifests(documents: Documents, root: Descriptor): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  let seen = 0;
  let total = 0;
  let level = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) throw limit(documents, root, `${MAX_DEPTH} levels of indexes`);
    const next: Descriptor[] = [];
    for (const descriptor of level) {
      total += descriptor.size;
      if (total > MAX_BYTES) throw limit(documents, root, `${MAX_BYTES} bytes of indexes`);
      const index = parseIndex(await documents.read(descriptor), documents.title);
      seen += 1 + index.manifests.length;
      if (seen > MAX_DOCUMENTS) throw limit(documents, root, `${MAX_DOCUMENTS} indexes and manifests`);
      for (const entry of entriesOf(index, descriptor)) (isIndex(entry.mediaType) ? next : found).push(entry);
    }
    level = next;
  }
  return found;
}

function entriesOf({ manifests }: ImageIndex, { platform }: Descriptor): Descriptor[] {
  return manifests.map((entry) =>
    platform === undefined || entry.platform !== undefined ? entry : { ...entry, platform },
  );
}

function noImages(documents: Documents, root: Descriptor, found: readonly Descriptor[]): LayerfsError {
  const [first] = found;
  if (first !== undefined && !isManifest(first.mediaType)) return notAnImage(documents, first);
  const what = first === undefined ? "is empty" : "holds artifacts only";
  return new LayerfsError("INVALID_MANIFEST", `${documents.title}: index ${root.digest} ${what}, expected an image`);
}

function limit(documents: Documents, root: Descriptor, most: string): LayerfsError {
  return new LayerfsError("LIMIT_EXCEEDED", `${documents.title}: index ${root.digest}: expected at most ${most}`);
}
