import { buildConfig, type TestImage } from "./image-builder.ts";
import { randomBytesOf } from "./random.ts";
import { layerTar, type TestEntry } from "./tar-builder.ts";
import { directoryLine, fileLine, symlinkLine, type TreeLines, withLinks } from "./tree-lines.ts";

/** An image with the tree that it must show. */
export interface SampleImage {
  readonly name: string;
  readonly id: string;
  readonly image: TestImage;
  readonly tree: TreeLines;
}

/**
 * Images of a few layers with some hundred files each, hard links, whiteouts and opaque directories: `a` and `b` share
 * two layers, `c` shares one with them, and `d` has nothing in common with any. Each has about `megabytes` of content.
 */
export function sampleImages(megabytes = 4): SampleImage[] {
  const fileSize = Math.round((megabytes * 1024 * 1024) / 500);
  const base = new Stack().layer((layer) => fillBase(layer, fileSize));
  const middle = base.layer((layer) => fillMiddle(layer, fileSize));
  return [
    sample(
      "a",
      middle.layer((layer) => fillTop(layer, "a", 60, fileSize)),
    ),
    sample(
      "b",
      middle.layer((layer) => fillTop(layer, "b", 60, fileSize)).layer((layer) => layer.whiteout("opt/b/3")),
    ),
    sample(
      "c",
      base.layer((layer) => fillTop(layer, "c", 200, fileSize)),
    ),
    sample(
      "d",
      new Stack().layer((layer) => fillTop(layer, "d", 400, fileSize)),
    ),
  ];
}

function fillBase(layer: LayerBuilder, fileSize: number): void {
  layer.directory("usr");
  for (let directory = 0; directory < 15; directory++) {
    layer.directory(`usr/${directory}`, 0o750);
    for (let file = 0; file < 15; file++) layer.file(`usr/${directory}/${file}`, fileSize);
    layer.symlink(`usr/${directory}/link`, "0");
    layer.hardLink(`usr/${directory}/twin`, `usr/${directory}/1`);
  }
}

function fillMiddle(layer: LayerBuilder, fileSize: number): void {
  for (let file = 0; file < 15; file++) layer.whiteout(`usr/2/${file}`);
  layer.whiteout("usr/3");
  layer.opaque("usr/4");
  layer.file("usr/4/fresh", fileSize);
  for (let file = 0; file < 10; file++) layer.file(`usr/5/${file}`, fileSize * 2, 0o755);
  layer.directory("var");
  for (let file = 0; file < 120; file++) layer.file(`var/${file}`, fileSize);
  layer.hardLink("var/of-below", "usr/6/0");
}

function fillTop(layer: LayerBuilder, name: string, files: number, fileSize: number): void {
  layer.directory("opt");
  layer.directory(`opt/${name}`);
  for (let file = 0; file < files; file++) layer.file(`opt/${name}/${file}`, fileSize);
  layer.whiteout("usr/7/1");
}

function sample(name: string, { layers, nodes }: Stack): SampleImage {
  const image: TestImage = { tags: [`${name}:1`], layers };
  const lines = new Map([...nodes].map(([path, { line }]) => [path, line]));
  const inodes = new Map([...nodes].flatMap(([path, { inode }]) => (inode === null ? [] : [[path, inode] as const])));
  return { name: `${name}:1`, id: buildConfig(image).id, image, tree: withLinks(lines, inodes) };
}

interface ModelNode {
  readonly line: string;
  /** Names of one file have the same. */
  readonly inode: string | null;
}

class Stack {
  readonly layers: readonly Buffer[];
  readonly nodes: ReadonlyMap<string, ModelNode>;

  constructor(layers: readonly Buffer[] = [], nodes: ReadonlyMap<string, ModelNode> = new Map()) {
    this.layers = layers;
    this.nodes = nodes;
  }

  /** A stack with one more layer. */
  layer(fill: (layer: LayerBuilder) => void): Stack {
    const builder = new LayerBuilder(this.nodes, String(this.layers.length));
    fill(builder);
    return new Stack([...this.layers, layerTar(builder.entries)], builder.nodes);
  }
}

/** Makes a layer's entries and, on its own, the tree that they lead to. */
class LayerBuilder {
  readonly entries: TestEntry[] = [];
  readonly nodes: Map<string, ModelNode>;
  readonly #seed: string;

  constructor(below: ReadonlyMap<string, ModelNode>, seed: string) {
    this.nodes = new Map(below);
    this.#seed = seed;
  }

  directory(name: string, mode = 0o755): void {
    this.entries.push({ name: `${name}/`, type: "directory", mode });
    this.nodes.set(name, { line: directoryLine(mode), inode: null });
  }

  file(name: string, size: number, mode = 0o644): void {
    const data = randomBytesOf(`${this.#seed} ${name}`, size);
    this.entries.push({ name, data, mode });
    this.nodes.set(name, { line: fileLine(mode, data), inode: `${this.#seed} ${name}` });
  }

  symlink(name: string, link: string): void {
    this.entries.push({ name, type: "symlink", link });
    this.nodes.set(name, { line: symlinkLine(link), inode: null });
  }

  hardLink(name: string, link: string): void {
    this.entries.push({ name, type: "hardlink", link });
    this.nodes.set(name, this.nodes.get(link)!);
  }

  whiteout(name: string): void {
    const slash = name.lastIndexOf("/") + 1;
    this.entries.push({ name: `${name.slice(0, slash)}.wh.${name.slice(slash)}` });
    this.nodes.delete(name);
    this.#removeBelow(name);
  }

  opaque(name: string): void {
    this.entries.push({ name: `${name}/.wh..wh..opq` });
    this.#removeBelow(name);
  }

  #removeBelow(name: string): void {
    for (const path of this.nodes.keys()) if (path.startsWith(`${name}/`)) this.nodes.delete(path);
  }
}
