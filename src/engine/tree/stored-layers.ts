import { statSync } from "node:fs";
import { LayerfsError, printable } from "../../core/errors.ts";
import { readLayerFile } from "../../layer/stored-tar.ts";
import { placeOf } from "../../layer/whole.ts";
import { close } from "../../sys/file.ts";
import { openPlainDirectory } from "../../sys/plain-path.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { classifyEntry } from "../../union/entry-path.ts";
import { cutRange, type WholeRange } from "../../view/content-range.ts";
import type { LayerEntry } from "../../view/merged-tree.ts";
import { layerMakers } from "../explain/explain-history.ts";
import { isThere, type StoredImage } from "../images/stored-image.ts";
import type { Stores } from "../stores.ts";
import type { ImageLayer } from "./image-layer.ts";
import type { PassedEntry, Wants } from "./layer-pass.ts";
import { storedEntries } from "./stored-entries.ts";

/** The layers of an image of a store: its entries from their records, its bytes from the driver's directories. */
export function storedLayers(stores: Stores, image: StoredImage): ImageLayer[] {
  const makers = layerMakers(image.config.history);
  return image.layers.map((record, index) => {
    const { tarSplit, diffID } = record;
    const directory = (): string => placeOf(stores.layers, record).directory;
    const reading: Reading = (open) => untilRemoved(stores, image, open);
    const entries = (): AsyncGenerator<LayerEntry> => reading(() => storedEntries(tarSplit));
    return {
      diffID,
      blobDigest: null,
      storedSize: null,
      createdBy: makers[index]?.createdBy ?? null,
      identity: () => fileIdentity(tarSplit),
      entries,
      readEntries: async () => entries(),
      content: (name, range) => reading(() => storedContent(directory(), name, range)),
      pass: (wants) => reading(() => storedPass(tarSplit, directory(), wants, reading)),
    };
  });
}

/** Reads, and tells where the image was removed meanwhile. */
type Reading = <T>(open: () => AsyncIterable<T>) => AsyncGenerator<T>;

/** Several layers are passed at the same time. */
const READ_SIZE = 128 * 1024;

/** A layer's records are written once, aside, and renamed: another inode, size or time is another file. */
function fileIdentity(path: string): string | null {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(" ");
}

async function* storedContent(directory: string, name: Buffer, range: WholeRange): AsyncGenerator<Buffer> {
  const rootFd = openPlainDirectory(directory);
  try {
    yield* cutRange(readLayerFile(rootFd, name), range);
  } finally {
    close(rootFd);
  }
}

/** The bytes of a file are read by whoever takes the entry, so their reading has to tell for itself. */
async function* storedPass(
  tarSplit: string,
  directory: string,
  wants: Wants,
  reading: Reading,
): AsyncGenerator<PassedEntry> {
  const rootFd = openPlainDirectory(directory);
  const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
  const contentOf = (entry: TarEntry, name: Buffer): AsyncIterable<Buffer> =>
    reading(() => fileContent(readLayerFile(rootFd, name, buffer), name, entry));
  try {
    for await (const { entry, storedName } of storedEntries(tarSplit)) {
      const isWanted = holdsFile(entry) && wants(entry, storedName);
      yield { entry, storedName, content: isWanted ? contentOf(entry, storedName) : null };
    }
  } finally {
    close(rootFd);
  }
}

/** A file that aufs reserves is not kept; its bytes are under the name of the link to it. */
function holdsFile({ kind, linkname }: TarEntry): boolean {
  return kind === "file" || (kind === "hardlink" && classifyEntry(linkname).kind === "reserved");
}

/** No more than the entry has, whatever became of the file; of a link the size is not known here. */
async function* fileContent(chunks: Iterable<Buffer>, name: Buffer, { kind, size }: TarEntry): AsyncGenerator<Buffer> {
  let found = 0;
  for (const bytes of chunks) {
    found += bytes.length;
    if (kind === "file" && found > size) break;
    yield bytes;
  }
  if (kind !== "file" || found === size) return;
  throw new LayerfsError(
    "CORRUPT_STORE",
    `file ${printable(name)} of the layer has ${found > size ? "more" : found} bytes, expected ${size}`,
    { hint: "the unpacked file is not what was stored; pull or load the image again" },
  );
}

/** What cannot be read of an image that has just been removed is told so. */
async function* untilRemoved<T>(stores: Stores, image: StoredImage, open: () => AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* open();
  } catch (error) {
    if (isThere(stores, image)) throw error;
    throw new LayerfsError("NOT_FOUND", `image ${image.id} was removed while it was read`, { cause: error });
  }
}
