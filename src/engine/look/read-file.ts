import { openPieces, type StackFinder } from "../tree/layer-stack.ts";

/** The content of the file that `path` leads to, symlinks followed inside the image. */
export function readFile(finder: StackFinder, path: string): Promise<AsyncIterable<Buffer>> {
  return openPieces(finder, async (stack) => (await stack.view()).read(path));
}
