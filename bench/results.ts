import { type Sample, type Summary, summarise } from "./statistics.ts";

export const OPERATIONS = ["load", "save", "pull", "push"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Where the image comes from or goes to, outside the program's own store. */
export const FORMS = ["docker-archive", "OCI layout", "registry"] as const;
export type Form = (typeof FORMS)[number];

/** The forms that each operation is measured with. */
export const FORMS_OF: Readonly<Record<Operation, readonly Form[]>> = {
  load: ["docker-archive", "OCI layout"],
  save: ["docker-archive"],
  pull: ["registry"],
  push: ["registry"],
};

/** Everything that one benchmark found, as it is written to a file. */
export interface Results {
  readonly operation: Operation;
  /** RFC 3339, UTC. */
  readonly date: string;
  readonly machine: Machine;
  /** Peer -> its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly Missing[];
  readonly samples: readonly TaskSample[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly system: string;
  readonly fileSystem: string;
}

/** A peer that was not measured, and why. */
export interface Missing {
  readonly peer: string;
  readonly form: Form;
  readonly reason: string;
}

export interface TaskSample extends Sample {
  readonly peer: string;
  readonly form: Form;
  readonly image: string;
}

export interface Row extends Summary {
  readonly peer: string;
  /** Its median by that of the fastest peer besides layerfs; null where there is no other. */
  readonly ratio: number | null;
}

/** One image in one form, and how long each peer took for it, the fastest first. */
export interface Task {
  readonly form: Form;
  readonly image: string;
  readonly rows: readonly Row[];
}

export const OURS = "layerfs";

/** In the order in which the images were first measured, one form after the other. */
export function tasksOf(samples: readonly TaskSample[]): Task[] {
  const groups = Map.groupBy(samples, ({ form, image }) => `${form} ${image}`);
  const tasks = [...groups.values()].map((group): Task => {
    const [first] = group as [TaskSample, ...TaskSample[]];
    return { form: first.form, image: first.image, rows: rowsOf(group) };
  });
  return tasks.sort((a, b) => FORMS.indexOf(a.form) - FORMS.indexOf(b.form));
}

function rowsOf(samples: readonly TaskSample[]): Row[] {
  const summaries = [...Map.groupBy(samples, ({ peer }) => peer)].map(([peer, own]) => ({ peer, ...summarise(own) }));
  const others = summaries.filter(({ peer }) => peer !== OURS).map((summary) => summary.median);
  const fastest = others.length === 0 ? null : Math.min(...others);
  return summaries
    .map((summary) => ({ ...summary, ratio: fastest === null ? null : summary.median / fastest }))
    .sort((a, b) => a.median - b.median);
}
