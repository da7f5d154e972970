import type { ProgressEvent } from "../../engine/engine.ts";
import { shortTime } from "./duration.ts";
import { humanSize } from "./size.ts";

/** How far a layer is. Sizes are of its stored bytes. */
export interface LayerProgress {
  readonly digest: string;
  readonly total: number;
  /** Of a layer that is pushed. */
  readonly activity: "compressing" | "sending" | undefined;
  /** null: nothing of it has to be fetched. */
  fetched: Amount | null;
  unpacked: Amount | null;
}

interface Amount {
  readonly startedAt: number;
  bytes: number;
  /** Those of them that took time: an earlier attempt's did not. */
  fresh: number;
}

export interface LayerTracker {
  update(event: ProgressEvent): void;
  /** Not finished, in the order in which they were told. */
  atWork(): LayerProgress[];
  /** Finished ones too. */
  all(): LayerProgress[];
  clear(): void;
}

const BAR_WIDTH = 30;
const SHORT_DIGEST = "sha256:".length + 12;

/** `now` is in milliseconds. */
export function trackLayers(now: () => number): LayerTracker {
  const layers = new Map<string, LayerProgress>();
  const done = new Set<string>();
  return {
    update(event) {
      if (event.type === "layer-start") {
        const digest = event.blob ?? event.layer;
        const unpacked = event.blob === undefined ? { startedAt: now(), bytes: 0, fresh: 0 } : null;
        layers.set(event.layer, { digest, total: event.total, activity: event.activity, fetched: null, unpacked });
      }
      if (event.type === "layer-done" || event.type === "layer-exists") done.add(event.layer);
      if (event.type === "layer-progress") {
        const layer = layers.get(event.layer);
        if (layer !== undefined) layer.unpacked = add(layer.unpacked, event.bytes, event.bytes, now());
      }
      if (event.type === "download-progress") {
        const layer = layers.get(event.layer);
        const fresh = event.origin === "network" ? event.bytes : 0;
        if (layer !== undefined) layer.fetched = add(layer.fetched, event.bytes, fresh, now());
      }
    },
    atWork: () => [...layers].filter(([digest]) => !done.has(digest)).map(([, layer]) => layer),
    all: () => [...layers.values()],
    clear: () => layers.clear(),
  };
}

/** A layer that is fetched shows that, until all of it is there; then, and where nothing is fetched, what is unpacked. */
export function renderLayer(layer: LayerProgress, now: number): string {
  const { digest, total, activity, fetched, unpacked } = layer;
  const name = digest.slice(0, SHORT_DIGEST);
  const verb = activity === undefined ? "" : `${activity} `;
  if (fetched !== null && fetched.bytes < total) return `${name} Downloading ${renderAmount(fetched, total, now)}`;
  if (fetched !== null) return `${name} Unpacking   ${renderAmount(unpacked ?? fetched, total, now, false)}`;
  return unpacked === null ? `${name} Waiting` : `${name} ${verb}${renderAmount(unpacked, total, now, false)}`;
}

/** What is fetched of all layers together; null where nothing is. */
export function renderTotal(layers: readonly LayerProgress[], now: number): string | null {
  const started = layers.flatMap(({ fetched }) => fetched ?? []);
  if (started.length === 0) return null;
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  const all: Amount = {
    startedAt: Math.min(...started.map(({ startedAt }) => startedAt)),
    bytes: started.reduce((sum, { bytes }) => sum + bytes, 0),
    fresh: started.reduce((sum, { fresh }) => sum + fresh, 0),
  };
  return all.bytes >= total ? null : `${"in all".padEnd(SHORT_DIGEST)} Downloading ${renderAmount(all, total, now)}`;
}

function renderAmount({ startedAt, bytes, fresh }: Amount, total: number, now: number, withTime = true): string {
  const done = total > 0 ? Math.min(1, bytes / total) : 0;
  const filled = Math.round(done * BAR_WIDTH);
  const bar = `${"=".repeat(filled)}${filled < BAR_WIDTH ? ">" : ""}`.padEnd(BAR_WIDTH);
  const seconds = (now - startedAt) / 1000;
  const rate = seconds > 0 ? fresh / seconds : 0;
  const left = withTime && rate > 0 ? `  ${shortTime((total - bytes) / rate)} left` : "";
  return `[${bar}] ${humanSize(bytes)}/${humanSize(total)}${seconds > 0 ? `  ${humanSize(rate)}/s` : ""}${left}`;
}

function add(amount: Amount | null, bytes: number, fresh: number, now: number): Amount {
  const counted = amount ?? { startedAt: now, bytes: 0, fresh: 0 };
  counted.bytes += bytes;
  counted.fresh += fresh;
  return counted;
}
