import type { NotMeasured } from "../report.ts";
import type { Machine } from "../results.ts";
import { type Sample, type Summary, summarise } from "../statistics.ts";
import type { WrongAnswers } from "./wrong-answers.ts";

/** Everything that `npm run bench -- look` found, as it is written to a file. */
export interface LookResults {
  /** RFC 3339, UTC. */
  readonly date: string;
  readonly machine: Machine;
  /** Program -> its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly NotMeasured[];
  readonly readings: readonly ReadingSample[];
  readonly listings: readonly ListingSample[];
}

/** One run of a way to read an image. */
export interface ReadingSample extends Sample {
  /** What is read. All samples with the same words stand side by side. */
  readonly task: string;
  readonly command: string;
  /** Whether it is a plain reading of the same bytes, which layerfs is compared with. */
  readonly isReference: boolean;
}

/** Where the image lies that a peer lists. */
export const LISTED_FORMS = ["docker-archive", "OCI layout", "OCI archive", "store"] as const;
export type ListedForm = (typeof LISTED_FORMS)[number];

/** One run of a peer that lists all paths of an image. */
export interface ListingSample extends Sample {
  readonly image: string;
  readonly form: ListedForm;
  readonly peer: string;
  readonly wrong: WrongAnswers;
}

export interface ReadingRow extends Summary {
  readonly command: string;
  readonly isReference: boolean;
  /** For a command of layerfs: its median by that of each reference. */
  readonly ratios: readonly { readonly to: string; readonly ratio: number }[];
}

export interface ReadingTask {
  readonly task: string;
  readonly rows: readonly ReadingRow[];
}

/** In the order in which they were first measured. */
export function readingTasksOf(samples: readonly ReadingSample[]): ReadingTask[] {
  return [...Map.groupBy(samples, ({ task }) => task)].map(([task, group]) => ({ task, rows: readingRowsOf(group) }));
}

function readingRowsOf(samples: readonly ReadingSample[]): ReadingRow[] {
  const rows = [...Map.groupBy(samples, ({ command }) => command)].map(([command, own]) => ({
    command,
    isReference: own.some(({ isReference }) => isReference),
    ...summarise(own),
  }));
  const references = rows.filter(({ isReference }) => isReference);
  return rows.map((row) => ({
    ...row,
    ratios: row.isReference
      ? []
      : references.map(({ command, median }) => ({ to: command, ratio: row.median / median })),
  }));
}

export interface ListingRow extends Summary {
  readonly peer: string;
  readonly form: ListedForm;
  /** Of the run with the most of them. */
  readonly wrong: WrongAnswers;
}

export interface ListingTask {
  readonly image: string;
  readonly rows: readonly ListingRow[];
}

/** For each image, the fastest peer first. */
export function listingTasksOf(samples: readonly ListingSample[]): ListingTask[] {
  return [...Map.groupBy(samples, ({ image }) => image)].map(([image, group]) => ({
    image,
    rows: [...Map.groupBy(group, ({ peer, form }) => `${peer} ${form}`).values()]
      .map(listingRowOf)
      .sort((a, b) => a.median - b.median),
  }));
}

function listingRowOf(samples: readonly ListingSample[]): ListingRow {
  const [first] = samples as [ListingSample, ...ListingSample[]];
  const worst = samples.reduce((a, b) => (total(b.wrong) > total(a.wrong) ? b : a), first);
  return { peer: first.peer, form: first.form, wrong: worst.wrong, ...summarise(samples) };
}

function total({ missing, extra, different }: WrongAnswers): number {
  return missing + extra + different;
}
