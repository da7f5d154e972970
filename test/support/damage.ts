import { buildConfig, packArchive, sha256, type TestImage } from "./image-builder.ts";
import { randomBytesOf } from "./random.ts";
import { layerTar } from "./tar-builder.ts";

/** Three small layers. Their content differs with `seed`. */
export function smallImage(tag: string, seed: string): TestImage {
  const layer = (number: number): Buffer =>
    layerTar([
      { name: "d/", type: "directory" },
      ...Array.from({ length: 5 }, (_, file) => ({
        name: `d/${number}-${file}`,
        data: randomBytesOf(`${seed} ${number} ${file}`, 3000),
      })),
      { name: `d/link-${number}`, type: "hardlink" as const, link: `d/${number}-0` },
    ]);
  return { tags: [tag], layers: [layer(0), layer(1), layer(2)] };
}

export interface ArchiveParts {
  readonly manifest: Buffer;
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
}

/** The parts of an image whose archive names none of them by its digest, so that only layerfs's own checks find damage. */
export function partsOf(image: TestImage): ArchiveParts {
  const { config } = buildConfig(image);
  const layers = image.layers.map((layer, index) => image.stored?.(layer, index) ?? layer);
  return { config, layers, manifest: manifestOf(image, layers.length) };
}

export function manifestOf({ tags }: TestImage, layerCount: number): Buffer {
  const layers = Array.from({ length: layerCount }, (_, index) => `${index}/layer.tar`);
  return Buffer.from(JSON.stringify([{ Config: "config.json", RepoTags: tags, Layers: layers }]));
}

/** An archive in the form of older Dockers. */
export function packParts({ manifest, config, layers }: ArchiveParts): Buffer {
  return packArchive(
    new Map([
      ["config.json", config],
      ...layers.map((layer, index): [string, Buffer] => [`${index}/layer.tar`, layer]),
      ["manifest.json", manifest],
    ]),
  );
}

/** A config that promises other layers than it should. */
export function configWith(image: TestImage, change: (diffIDs: string[]) => string[]): Buffer {
  const config = JSON.parse(buildConfig(image).config.toString());
  config.rootfs.diff_ids = change(image.layers.map((layer) => `sha256:${sha256(layer)}`));
  return Buffer.from(JSON.stringify(config));
}

export function flip(bytes: Buffer, offset: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[offset] = (flipped[offset] ?? 0) ^ 0x11;
  return flipped;
}

export function replaced<T>(items: readonly T[], index: number, item: T): T[] {
  return items.map((old, position) => (position === index ? item : old));
}

/** Where the headers of a tar of plain files begin, and its end. */
export function headerOffsets(tar: Buffer): number[] {
  const offsets: number[] = [];
  for (let offset = 0; offset + 512 <= tar.length && tar[offset] !== 0; ) {
    offsets.push(offset);
    const size = Number.parseInt(tar.toString("latin1", offset + 124, offset + 135), 8);
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  return offsets;
}
