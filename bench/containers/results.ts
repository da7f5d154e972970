import type { Machine } from "../results.ts";
import { median } from "../statistics.ts";

/** Everything that `npm run bench -- containers` found, as it is written to a file. */
export interface ContainerResults {
  /** RFC 3339, UTC. */
  readonly date: string;
  readonly machine: Machine;
  readonly image: string;
  /** Peer -> its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly { readonly what: string; readonly reason: string }[];
  readonly samples: readonly ContainerSample[];
}

/** One run. */
export interface ContainerSample {
  readonly task: string;
  readonly peer: string;
  readonly isOurs: boolean;
  readonly milliseconds: number;
}

export interface ContainerRow {
  readonly peer: string;
  readonly isOurs: boolean;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Its median by that of the fastest peer besides layerfs; null where there is no other. */
  readonly ratio: number | null;
}

export interface ContainerTask {
  readonly task: string;
  readonly rows: readonly ContainerRow[];
}

/** In the order in which the tasks were first measured; the fastest peer first. */
export function containerTasksOf(samples: readonly ContainerSample[]): ContainerTask[] {
  return [...Map.groupBy(samples, ({ task }) => task)].map(([task, group]) => ({ task, rows: rowsOf(group) }));
}

function rowsOf(samples: readonly ContainerSample[]): ContainerRow[] {
  const rows = [...Map.groupBy(samples, ({ peer }) => peer)].map(([peer, own]) => {
    const times = own.map(({ milliseconds }) => milliseconds);
    const isOurs = own.some((sample) => sample.isOurs);
    return { peer, isOurs, median: median(times), min: Math.min(...times), max: Math.max(...times) };
  });
  const others = rows.filter(({ isOurs }) => !isOurs).map((row) => row.median);
  const fastest = others.length === 0 ? null : Math.min(...others);
  return rows
    .map((row) => ({ ...row, ratio: fastest === null ? null : row.median / fastest }))
    .sort((a, b) => a.median - b.median);
}
