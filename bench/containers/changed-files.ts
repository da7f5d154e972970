import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { command } from "../file-system.ts";
import type { LayerNode } from "../look/middle-file.ts";

const SIZE = 1024;

/** A tar that replaces `count` files all over an image by others of 1 KiB; made in `directory`, which must not exist. */
export function changedFilesTar(nodes: readonly LayerNode[], count: number, directory: string): string {
  const tree = join(directory, "tree");
  const paths = spread(nodes, count);
  for (const [index, path] of paths.entries()) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, path), `${index}\n`.padStart(SIZE, "changed "));
  }
  const [tar, list] = [join(directory, "changes.tar"), join(directory, "paths")];
  writeFileSync(list, paths.join("\n"));
  command("tar", "--create", "--file", tar, "--directory", tree, "--files-from", list);
  return tar;
}

/** Files with plain names, evenly from the whole list. Fails where there are not so many. */
export function spread(nodes: readonly LayerNode[], count: number): string[] {
  const files = nodes.filter(({ type, path }) => type === "file" && /^[\w./+-]+$/.test(path));
  if (files.length < count)
    throw new Error(`the image has ${files.length} files with plain names, ${count} are needed`);
  return Array.from({ length: count }, (_, index) => files[Math.floor((index * files.length) / count)]?.path ?? "");
}
