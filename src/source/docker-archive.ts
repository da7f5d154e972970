import { decompress } from "../compression/decompress.ts";
import { configPlatform, type ImageConfig, parseConfig } from "../core/config.ts";
import { type Digest, digestFromHex, digestOf } from "../core/digest.ts";
import { type DockerArchiveImage, parseDockerManifestJson } from "../core/docker-manifest-json.ts";
import { LayerfsError, printable, withObject } from "../core/errors.ts";
import type { Image, ImageSource, Layer } from "../core/image.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";
import { canonicalString, familiarString, parseReference, withDefaultTag } from "../core/reference.ts";
import { type ArchiveFile, type ArchiveInput, type ArchiveOptions, openArchiveFile } from "./archive-file.ts";
import type { ArchiveEntry } from "./archive-index.ts";
import { archiveKey } from "./archive-path.ts";
import { readCompression, readExtent } from "./extent.ts";
import type { Selection } from "./source-name.ts";

const MANIFEST = "manifest.json";
/** All configs of an archive together, which are held in memory while it is open. */
const MAX_CONFIG_BYTES = 64 * 1024 * 1024;
/** All images' layers together; Docker itself takes no image of more than 125. */
const MAX_LAYERS = 100_000;

/**
 * Opens what `docker save` wrote, of any version since 1.10, from a file or a stream: the images of the archive's
 * `manifest.json`, whether their parts lie below `blobs/` or in `<id>/layer.tar`, with links between layers. Layers
 * may be compressed. Memory is bounded whatever the archive holds. Close the source when its layers are read.
 *
 * Configs are verified where the archive names them by digest; layers are not: that is for whoever reads their bytes.
 *
 * Codes: INVALID_ARCHIVE naming what is missing, DIGEST_MISMATCH (a config under a wrong name), INVALID_CONFIG,
 * LIMIT_EXCEEDED, and those of `openArchiveFile`.
 */
export async function openDockerArchive(input: ArchiveInput, options: ArchiveOptions): Promise<ImageSource> {
  return readDockerArchive(await openArchiveFile(input, options), null);
}

/**
 * The same for an archive that is open already: it is closed with the source, or now if this fails. A selected image
 * keeps the name alone by which it was selected. Fails with NOT_FOUND too, where there is no such image.
 */
export async function readDockerArchive(archive: ArchiveFile, image: Selection): Promise<ImageSource> {
  try {
    const images = await readImages(archive, image);
    return { images, [Symbol.asyncDispose]: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw withObject(error, `archive ${archive.name}`);
  }
}

async function readImages(archive: ArchiveFile, image: Selection): Promise<Image[]> {
  if (!archive.index.has(MANIFEST)) throw noManifest(archive);
  const manifest = select(archive, parseDockerManifestJson(await readDocument(archive, MANIFEST)), image);
  const layerCount = manifest.reduce((total, image) => total + image.layers.length, 0);
  if (layerCount > MAX_LAYERS) throw tooMuch(archive, `${MAX_LAYERS} layers`, layerCount);
  const readConfig = configReader(archive);
  const images: Image[] = [];
  for (const entry of manifest) images.push(makeImage(archive, entry, await readConfig(entry.config)));
  return images;
}

function select(archive: ArchiveFile, images: DockerArchiveImage[], wanted: Selection): DockerArchiveImage[] {
  if (wanted === null) return images;
  if ("index" in wanted) {
    const image = images[wanted.index];
    if (image !== undefined) return [image];
    throw notFound(archive, `@${wanted.index}`, `it holds ${images.length}`);
  }
  const name = canonicalString(withDefaultTag(parseReference(wanted.name)));
  for (const image of images) {
    const tag = image.repoTags.find((other) => canonicalString(other) === name);
    if (tag !== undefined) return [{ ...image, repoTags: [tag] }];
  }
  const names = images.flatMap(({ repoTags }) => repoTags.map(familiarString));
  throw notFound(
    archive,
    printable(wanted.name),
    names.length === 0 ? "its images have no names" : `it holds ${names.join(", ")}`,
  );
}

function makeImage(archive: ArchiveFile, entry: DockerArchiveImage, config: ImageConfig): Image {
  const { diffIDs } = config.rootfs;
  if (entry.layers.length !== diffIDs.length) {
    throw invalid(
      archive,
      `image ${config.digest}: expected a layer for each of its ${diffIDs.length} diff_ids, found ${entry.layers.length} in ${MANIFEST}`,
    );
  }
  return {
    id: config.digest,
    config,
    platform: configPlatform(config),
    names: entry.repoTags,
    layers: entry.layers.map((path, index) => makeLayer(archive, path, diffIDs[index]!)),
  };
}

function makeLayer(archive: ArchiveFile, path: string, diffID: Digest): Layer {
  const { offset, size } = archive.index.file(path);
  const extent = { fd: archive.file.fd, offset, length: size };
  const open = (): AsyncIterable<Uint8Array> => readExtent(extent, `archive ${archive.name}`);
  const tarSize = readCompression(extent) === "none" ? async (): Promise<number> => size : undefined;
  return { diffID, extent, blobDigest: blobDigest(path), open, openTar: () => decompress(open()), tarSize };
}

/** Reads each config once, however many images share it. */
function configReader(archive: ArchiveFile): (path: string) => Promise<ImageConfig> {
  const configs = new Map<number, ImageConfig>();
  let totalBytes = 0;
  return async (path) => {
    const { offset, size } = archive.index.file(path);
    const known = configs.get(offset);
    if (known !== undefined) {
      verifyConfig(archive, path, known.digest);
      return known;
    }
    totalBytes += size;
    if (totalBytes > MAX_CONFIG_BYTES) throw tooMuch(archive, `${MAX_CONFIG_BYTES} bytes of image configs`, totalBytes);
    const bytes = await readDocument(archive, path);
    verifyConfig(archive, path, digestOf(bytes));
    const config = parseConfig(bytes);
    configs.set(offset, config);
    return config;
  };
}

function verifyConfig(archive: ArchiveFile, path: string, found: Digest): void {
  const expected = blobDigest(path) ?? configDigest(path);
  if (expected === undefined || expected === found) return;
  throw new LayerfsError(
    "DIGEST_MISMATCH",
    `archive ${archive.name}: image config ${printable(path)}: expected ${expected}, found ${found}`,
    { hint: "the archive is damaged; save the image again" },
  );
}

/** The digest that a path in an OCI layout promises: `blobs/sha256/<hex>`. */
function blobDigest(path: string): Digest | undefined {
  return digestInPath(/^blobs\/sha256\/([0-9a-f]{64})$/, path);
}

/** The digest that a config's name promises: `<hex>.json`, or `sha256:<hex>` as kaniko and others write. */
function configDigest(path: string): Digest | undefined {
  return digestInPath(/^(?:sha256:)?([0-9a-f]{64})(?:\.json)?$/, path);
}

function digestInPath(form: RegExp, path: string): Digest | undefined {
  const hex = form.exec(archiveKey(Buffer.from(path)) ?? "")?.[1];
  return hex === undefined ? undefined : digestFromHex(hex);
}

async function readDocument(archive: ArchiveFile, path: string): Promise<Buffer> {
  const entry: ArchiveEntry = archive.index.file(path);
  if (entry.size > MAX_JSON_BYTES) {
    throw invalid(archive, `${printable(path)} has ${entry.size} bytes, expected at most ${MAX_JSON_BYTES}`);
  }
  const chunks: Uint8Array[] = [];
  const extent = { fd: archive.file.fd, offset: entry.offset, length: entry.size };
  for await (const chunk of readExtent(extent, `archive ${archive.name}`)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function noManifest(archive: ArchiveFile): LayerfsError {
  const problem = `there is no ${MANIFEST}, so it is not what docker save writes`;
  if (archive.index.has("index.json") || archive.index.has("oci-layout")) {
    return invalid(archive, problem, "it holds an OCI layout: name it as oci-archive:PATH");
  }
  if (archive.index.has("repositories")) {
    return invalid(
      archive,
      problem,
      "it is of the form before Docker 1.10: load and save it with a Docker of 1.10 to 24",
    );
  }
  return invalid(archive, problem, "write it with docker save; a container's files from docker export are for import");
}

function notFound(archive: ArchiveFile, image: string, hint: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", `archive ${archive.name}: there is no image ${image}`, { hint });
}

function tooMuch(archive: ArchiveFile, limit: string, found: number): LayerfsError {
  return new LayerfsError("LIMIT_EXCEEDED", `archive ${archive.name}: expected at most ${limit}, found ${found}`);
}

function invalid(archive: ArchiveFile, problem: string, hint?: string): LayerfsError {
  return new LayerfsError("INVALID_ARCHIVE", `archive ${archive.name}: ${problem}`, { hint });
}
