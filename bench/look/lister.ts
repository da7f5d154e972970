import type { Images } from "../program.ts";
import type { ListedForm } from "./results.ts";
import type { Judgement, ListedNode } from "./wrong-answers.ts";

/** A way to list all paths of an image, with what a program knows about each of them. */
export interface Lister {
  readonly peer: string;
  readonly form: ListedForm;
  /** Programs without which it cannot be measured. */
  readonly needs: readonly string[];
  readonly judgement: Judgement;
  version(): string;
  /** `store` is an empty directory. What is done here is not measured. */
  start(store: string, image: string, images: Images): Promise<RunningLister>;
}

export interface RunningLister {
  readonly daemon: number | null;
  readonly env?: Readonly<Record<string, string>>;
  /** Before each run; not measured. */
  prepare?(): void;
  /** What is measured. Its standard output is the listing. */
  command(run: number): readonly string[];
  /** `output` is the file that the listing was written to. */
  parse(output: Buffer): readonly ListedNode[];
  stop(): Promise<void>;
}

/** bash runs `script` with `words` as $@, and fails where any program of a pipeline fails. */
export function script(text: string, ...words: readonly string[]): string[] {
  return ["bash", "-e", "-o", "pipefail", "-c", text, "bash", ...words];
}
