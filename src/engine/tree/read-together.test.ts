import { describe, expect, it } from "vitest";
import { LayerfsError } from "../../core/errors.ts";
import type { LayerEntries } from "../../view/merged-tree.ts";
import type { ImageLayer } from "./image-layer.ts";
import { readTogether } from "./read-together.ts";

/** Layers that are read when the test says so. */
class Layers {
  readonly begun: number[] = [];
  readonly stopped: number[] = [];
  readonly all: ImageLayer[];
  readonly #gates: PromiseWithResolvers<LayerEntries>[];

  constructor(count: number) {
    this.#gates = Array.from({ length: count }, () => Promise.withResolvers<LayerEntries>());
    this.all = this.#gates.map((gate, index) => {
      const readEntries = (signal?: AbortSignal): Promise<LayerEntries> => {
        this.begun.push(index);
        signal?.addEventListener("abort", () => {
          this.stopped.push(index);
          gate.reject(new LayerfsError("CANCELLED", "stopped"));
        });
        return gate.promise;
      };
      return { readEntries } as ImageLayer;
    });
  }

  /** The entries are the layer's number, in place of real ones. */
  finish(index: number): void {
    this.#gates[index]!.resolve([index] as unknown as LayerEntries);
  }

  fail(index: number, error: Error): void {
    this.#gates[index]!.reject(error);
  }
}

async function collect(source: AsyncIterable<LayerEntries>): Promise<LayerEntries[]> {
  const found: LayerEntries[] = [];
  for await (const entries of source) found.push(entries);
  return found;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("layers that are read together", () => {
  it("come in their order, whichever is read first, two of them being read at a time", async () => {
    const layers = new Layers(4);
    const found = collect(readTogether(layers.all, undefined));
    expect(layers.begun).toEqual([0, 1]);
    layers.finish(1);
    await settled();
    expect(layers.begun).toEqual([0, 1, 2]);
    for (const index of [2, 3, 0]) {
      layers.finish(index);
      await settled();
    }
    expect(await found).toEqual([[0], [1], [2], [3]]);
  });

  it("are not read far ahead of the one that is in use", async () => {
    const layers = new Layers(20);
    const reading = readTogether(layers.all, undefined);
    for (let index = 0; index < 20; index++) layers.finish(index);
    await reading.next();
    await settled();
    expect(layers.begun).toHaveLength(8);
    await reading.next();
    await settled();
    expect(layers.begun).toHaveLength(9);
    await reading.return(undefined);
  });

  it("fail when the turn of the failing one has come", async () => {
    const layers = new Layers(3);
    const reading = readTogether(layers.all, undefined);
    const first = reading.next();
    layers.fail(1, new LayerfsError("INVALID_TAR", "the second layer is no tar"));
    await settled();
    layers.finish(0);
    expect((await first).value).toEqual([0]);
    await expect(reading.next()).rejects.toThrow("the second layer is no tar");
    expect(layers.stopped).toContain(2);
  });

  it("are read no more once the reader has enough, or is cancelled", async () => {
    const left = new Layers(3);
    const reading = readTogether(left.all, undefined);
    left.finish(0);
    await reading.next();
    await reading.return(undefined);
    expect(left.stopped).toEqual([0, 1, 2]);

    const cancelled = new Layers(3);
    const cancel = new AbortController();
    const found = collect(readTogether(cancelled.all, cancel.signal));
    cancel.abort();
    await expect(found).rejects.toMatchObject({ code: "CANCELLED" });
    expect(cancelled.begun).toEqual([0, 1]);
  });
});
