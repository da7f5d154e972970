import type { MeasuredCommand } from "../measure.ts";

/** One way to read an image or a part of it. */
export interface Reading {
  /** What is read. All readings with the same words stand side by side. */
  readonly task: string;
  /** How it is named in the table. */
  readonly command: string;
  /** Whether it is a plain reading of the same bytes, which layerfs is compared with. */
  readonly isReference: boolean;
  readonly words: readonly string[];
  readonly env?: MeasuredCommand["env"];
  /** Programs without which it cannot be measured. */
  readonly needs?: readonly string[];
  /** Before each run; not measured. */
  prepare?(): void | Promise<void>;
}
