import { openStack, type StackFinder } from "../tree/layer-stack.ts";

/** The content of the file that `path` leads to, symlinks followed inside the image, which is closed with the last byte. */
export function readFile(finder: StackFinder, path: string): Promise<AsyncIterable<Buffer>> {
  return openStack(finder, async (stack) => closing(stack, (await stack.view()).read(path)));
}

async function* closing(opened: AsyncDisposable, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}
