import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { digestOf } from "../../core/digest.ts";
import type { OutputStream } from "../context.ts";
import { terminalProgress } from "./progress.ts";

const layer = digestOf("a layer");
const other = digestOf("another layer");

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("terminalProgress", () => {
  it("draws a bar, the bytes and the rate of a layer at work", () => {
    const { stream, text } = terminal(80);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-start", layer, total: 2_000_000 });
    display.update({ type: "layer-progress", layer, bytes: 1_000_000 });
    vi.advanceTimersByTime(100);
    expect(text()).toBe(`${layer.slice(0, 19)} [===============>              ] 1MB/2MB  10MB/s\n`);
  });

  it("says of a push what is done with the layer, and begins anew with what is sent", () => {
    const { stream, writes } = terminal(100);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-start", layer, total: 2_000_000, activity: "compressing" });
    display.update({ type: "layer-progress", layer, bytes: 2_000_000 });
    vi.advanceTimersByTime(100);
    display.update({ type: "layer-start", layer, total: 1_000_000, activity: "sending" });
    vi.advanceTimersByTime(100);
    expect(writes()[0]).toContain(" compressing [==============================] 2MB/2MB  20MB/s");
    expect(writes()[1]).toContain(` sending [>${" ".repeat(29)}] 0B/1MB  0B/s`);
  });

  it("takes a terminal that does not know its size for one of 80 columns", () => {
    const { stream, text } = terminal(0, 0);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-start", layer, total: 1e6 });
    vi.advanceTimersByTime(100);
    expect(text()).toMatch(/ 0B\/1MB {2}0B\/s\n$/);
  });

  it("redraws at most ten times a second", () => {
    const { stream, writes } = terminal(80);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-start", layer, total: 1e6 });
    for (let millisecond = 0; millisecond < 1000; millisecond++) {
      display.update({ type: "layer-progress", layer, bytes: 1000 });
      vi.advanceTimersByTime(1);
    }
    expect(writes().length).toBeGreaterThan(5);
    expect(writes().length).toBeLessThanOrEqual(10);
  });

  it("goes back over its own lines and leaves none when it stops", () => {
    const { stream, writes } = terminal(80);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-start", layer, total: 1 });
    display.update({ type: "layer-start", layer: other, total: 1 });
    vi.advanceTimersByTime(100);
    display.update({ type: "layer-done", layer, warnings: [] });
    vi.advanceTimersByTime(100);
    display.stop();
    expect(writes()).toHaveLength(3);
    expect(writes()[1]).toBe(`\x1b[2A\x1b[J${other.slice(0, 19)} [>${" ".repeat(29)}] 0B/1B  0B/s\n`);
    expect(writes()[2]).toBe("\x1b[1A\x1b[J");
    display.stop();
    vi.advanceTimersByTime(1000);
    expect(writes()).toHaveLength(3);
  });

  it("writes nothing at all where no time passes", () => {
    const { stream, writes } = terminal(80);
    const display = terminalProgress(stream, Date.now);
    display.update({ type: "layer-exists", layer });
    display.stop();
    expect(writes()).toEqual([]);
  });

  it("fits the terminal, since a wrapped line could not be erased", () => {
    const { stream, text } = terminal(30, 3);
    const display = terminalProgress(stream, Date.now);
    for (const name of ["a", "b", "c", "d"]) display.update({ type: "layer-start", layer: digestOf(name), total: 1 });
    vi.advanceTimersByTime(100);
    const lines = text().slice(0, -1).split("\n");
    expect(lines).toHaveLength(2);
    expect(lines.map((line) => line.length)).toEqual([29, 29]);
  });
});

function terminal(columns: number, rows = 24): { stream: OutputStream; writes: () => string[]; text: () => string } {
  const writes: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString());
      done();
    },
  });
  return { stream: Object.assign(stream, { columns, rows }), writes: () => writes, text: () => writes.join("") };
}
