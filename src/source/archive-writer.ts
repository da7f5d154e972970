import { throwIfCancelled } from "../core/cancellation.ts";
import type { Descriptor } from "../core/descriptor.ts";
import type { ImageDestination, OutgoingImage } from "../core/destination.ts";
import { type Digest, digestAlgorithm, digestHex } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { type Manifest, parseManifest } from "../core/manifest.ts";
import { isManifest, MEDIA_TYPE } from "../core/media-types.ts";
import { familiarName, familiarString, type NamedReference } from "../core/reference.ts";
import type { Timespec } from "../core/timespec.ts";
import { END_OF_ARCHIVE, encodeHeader, padding } from "../tar/writer.ts";
import { indexEntries, LAYOUT_FILE } from "./layout-documents.ts";
import type { Output } from "./output.ts";

/**
 * `docker`: an OCI layout that has Docker's own documents beside. `name` is what an image is called in place of its own
 * names; in an OCI layout any text, the value of `ref.name`.
 */
export type ArchiveForm =
  | { readonly form: "docker"; readonly name: NamedReference | null }
  | { readonly form: "oci"; readonly name: string | null };

const EPOCH: Timespec = { seconds: 0, nanoseconds: 0 };

/**
 * An archive of images in the form of `docker save` since Docker 25 (moby, image/tarexport/save.go): a tar of an OCI
 * layout, in which for Docker's form `manifest.json` and `repositories` name the same blobs. It is written in one
 * stream; the same images in the same order give the same bytes. The output is committed with it, and disposed of.
 */
export function archiveWriter(output: Output, archive: ArchiveForm): ImageDestination {
  const { form, name } = archive;
  const tar = tarStream(output);
  const written = new Set<Digest>();
  const manifests = new Map<Digest, Manifest>();
  const blobPath = async (digest: Digest): Promise<string> => {
    await tar.directory("blobs");
    await tar.directory(`blobs/${digestAlgorithm(digest)}`);
    written.add(digest);
    return pathOf(digest);
  };
  return {
    form,
    compression: "none",
    takesOne: name !== null,
    hasBlob: async ({ digest }) => written.has(digest),
    async putBlob({ digest, size, open, time }, { signal }) {
      if (written.has(digest)) return;
      await tar.header({ path: await blobPath(digest), size, time });
      for await (const chunk of open()) {
        throwIfCancelled(signal);
        await output.write(chunk);
      }
      await output.write(padding(size));
    },
    async putManifest({ bytes, digest, mediaType }) {
      if (form === "docker" && isManifest(mediaType)) manifests.set(digest, parseManifest(bytes));
      if (!written.has(digest)) await tar.file(await blobPath(digest), bytes);
    },
    async commit(images, { signal }) {
      for (const [path, bytes] of documents(images, archive, manifests)) await tar.file(path, bytes);
      throwIfCancelled(signal);
      await output.write(END_OF_ARCHIVE);
      await output.commit();
    },
    [Symbol.asyncDispose]: () => output[Symbol.asyncDispose](),
  };
}

function documents(
  images: readonly OutgoingImage[],
  archive: ArchiveForm,
  manifests: ReadonlyMap<Digest, Manifest>,
): [path: string, bytes: Buffer][] {
  const index = (named: readonly OutgoingImage[], refName: string | null): [string, Buffer] => {
    const entries = named.flatMap((image) => indexEntries(image, refName));
    return ["index.json", json({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: entries })];
  };
  const layout: [string, Buffer] = ["oci-layout", LAYOUT_FILE];
  if (archive.form === "oci") return [index(images, archive.name), layout];
  const { name } = archive;
  const named = name === null ? images : images.map((image) => ({ ...image, names: [name] }));
  const manifest = line(named.map((image) => dockerImage(image, manifests)));
  const repositories = legacyRepositories(named);
  return [
    index(named, null),
    ["manifest.json", manifest],
    layout,
    ...(Object.keys(repositories).length > 0 ? [["repositories", line(repositories)] as [string, Buffer]] : []),
  ];
}

/** One image of `manifest.json`. */
function dockerImage(
  { descriptor, names, diffIDs = [], parent }: OutgoingImage,
  manifests: ReadonlyMap<Digest, Manifest>,
): Readonly<Record<string, unknown>> {
  const manifest = manifests.get(descriptor.digest);
  if (manifest === undefined || manifest.layers.length !== diffIDs.length) {
    throw new LayerfsError("UNSUPPORTED", `${descriptor.digest}: Docker's form of an archive has no place for it`, {
      hint: "write an OCI layout: --as oci, or oci-archive:FILE",
    });
  }
  return {
    Config: pathOf(manifest.config.digest),
    RepoTags: names.length === 0 ? null : names.map(familiarString),
    Layers: manifest.layers.map(({ digest }) => pathOf(digest)),
    ...(parent !== undefined && { Parent: parent }),
    ...(diffIDs.length > 0 && { LayerSources: layerSources(manifest.layers, diffIDs) }),
  };
}

function layerSources(layers: readonly Descriptor[], diffIDs: readonly Digest[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    layers.map(({ mediaType, size, digest }, index) => [diffIDs[index], { mediaType, size, digest }]),
  );
}

/** What Docker before 1.10 reads, and writes to this day: for each tag the topmost layer. */
function legacyRepositories(images: readonly OutgoingImage[]): Readonly<Record<string, unknown>> {
  const repositories = new Map<string, Map<string, string>>();
  for (const { names, diffIDs = [] } of images) {
    const top = diffIDs.at(-1);
    if (top === undefined) continue;
    for (const name of names) {
      const tags = repositories.get(familiarName(name)) ?? new Map<string, string>();
      repositories.set(familiarName(name), tags.set(name.tag ?? "", digestHex(top)));
    }
  }
  return Object.fromEntries([...repositories].map(([name, tags]) => [name, Object.fromEntries(tags)]));
}

interface TarStream {
  /** A directory that is there already is not written again. */
  directory(path: string): Promise<void>;
  /** `size` bytes follow, and their padding. */
  header(file: { readonly path: string; readonly size: number; readonly time?: Timespec | undefined }): Promise<void>;
  file(path: string, bytes: Uint8Array): Promise<void>;
}

function tarStream(output: Output): TarStream {
  const directories = new Set<string>();
  const owner = { uid: 0, gid: 0 };
  const header: TarStream["header"] = ({ path, size, time = EPOCH }) =>
    output.write(
      encodeHeader({ kind: "file", name: Buffer.from(path), mode: 0o644, ...owner, mtime: wholeTime(time), size }),
    );
  return {
    header,
    async directory(path) {
      if (directories.has(path)) return;
      directories.add(path);
      await output.write(
        encodeHeader({ kind: "directory", name: Buffer.from(path), mode: 0o755, ...owner, mtime: EPOCH }),
      );
    },
    async file(path, bytes) {
      await header({ path, size: bytes.length });
      await output.write(bytes);
      await output.write(padding(bytes.length));
    },
  };
}

/** A time that every reader of tar understands. */
function wholeTime({ seconds }: Timespec): Timespec {
  return { seconds: Math.max(0, seconds), nanoseconds: 0 };
}

function pathOf(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

function json(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}

/** Docker ends some of its documents with a line break. */
function line(document: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(document)}\n`);
}
