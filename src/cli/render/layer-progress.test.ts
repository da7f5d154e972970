import { describe, expect, it } from "vitest";
import { digestOf } from "../../core/digest.ts";
import { renderLayer, renderTotal, trackLayers } from "./layer-progress.ts";

const layer = digestOf("layer");
const blob = digestOf("blob");
const name = blob.slice(0, 19);

describe("a layer that is pulled", () => {
  it("waits, is fetched, is unpacked, and is gone", () => {
    let now = 0;
    const layers = trackLayers(() => now);
    const drawn = (): string[] => layers.atWork().map((each) => renderLayer(each, now));
    layers.update({ type: "layer-start", layer, blob, total: 4_000_000 });
    expect(drawn()).toEqual([`${name} Waiting`]);
    layers.update({ type: "download-progress", layer, bytes: 0, origin: "disk" });
    now = 1000;
    layers.update({ type: "download-progress", layer, bytes: 1_000_000, origin: "network" });
    expect(drawn()).toEqual([`${name} Downloading [========>                     ] 1MB/4MB  1MB/s  3s left`]);
    layers.update({ type: "download-progress", layer, bytes: 3_000_000, origin: "network" });
    layers.update({ type: "layer-progress", layer, bytes: 2_000_000 });
    expect(drawn()[0]).toContain(`${name} Unpacking   [===============>              ] 2MB/4MB`);
    layers.update({ type: "layer-done", layer, blob, warnings: [] });
    expect(drawn()).toEqual([]);
  });

  it("counts what an earlier attempt fetched, but not into the rate", () => {
    let now = 0;
    const layers = trackLayers(() => now);
    layers.update({ type: "layer-start", layer, blob, total: 4_000_000 });
    layers.update({ type: "download-progress", layer, bytes: 2_000_000, origin: "disk" });
    now = 1000;
    layers.update({ type: "download-progress", layer, bytes: 1_000_000, origin: "network" });
    expect(renderLayer(layers.atWork()[0]!, now)).toContain(" 3MB/4MB  1MB/s  1s left");
  });
});

describe("all layers together", () => {
  it("tell what is fetched of them and the time that is left, until all is there", () => {
    let now = 0;
    const layers = trackLayers(() => now);
    const second = digestOf("second layer");
    layers.update({ type: "layer-start", layer, blob, total: 4_000_000 });
    layers.update({ type: "layer-start", layer: second, blob: digestOf("second"), total: 6_000_000 });
    expect(renderTotal(layers.all(), now)).toBeNull();
    layers.update({ type: "download-progress", layer, bytes: 0, origin: "disk" });
    now = 2000;
    layers.update({ type: "download-progress", layer, bytes: 4_000_000, origin: "network" });
    layers.update({ type: "layer-done", layer, blob, warnings: [] });
    expect(renderTotal(layers.all(), now)).toMatch(/^in all {14}Downloading .* 4MB\/10MB {2}2MB\/s {2}3s left$/);
    layers.update({ type: "download-progress", layer: second, bytes: 6_000_000, origin: "network" });
    expect(renderTotal(layers.all(), now)).toBeNull();
  });

  it("say nothing where nothing is fetched", () => {
    const layers = trackLayers(() => 0);
    layers.update({ type: "layer-start", layer, total: 100 });
    layers.update({ type: "layer-progress", layer, bytes: 50 });
    expect(renderTotal(layers.all(), 10)).toBeNull();
  });
});
