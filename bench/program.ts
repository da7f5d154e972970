import { command } from "./file-system.ts";
import type { Form, Operation } from "./results.ts";

/** Where the images are, and what is made of them for a program that needs another form. */
export interface Images {
  /** `docker/NAME.tar`, with the tag `lab/NAME:1`, and `oci/NAME`, a layout with the tag `latest`. */
  readonly directory: string;
  /** A directory for derived files. */
  readonly work: string;
}

/** One thing to do with an image. An image is `lab/NAME:1` in every store and registry. */
export interface Work {
  readonly operation: Operation;
  readonly form: Form;
  readonly image: string;
  /** `HOST:PORT`, of `pull` and `push`. */
  readonly registry?: string;
}

/** A program at work on a store of its own. */
export interface RunningProgram {
  readonly daemon: number | null;
  /** What starts it on its store; a verb follows. */
  readonly words: readonly string[];
  /** The command as its users would give it; `save` writes to standard output. */
  command(work: Work): readonly string[];
  /** What must be done before it, which is not measured. */
  preparation?(work: Work): readonly string[] | null;
  stop(): Promise<void>;
}

/** A program that stands beside layerfs, or layerfs itself. */
export interface Program {
  readonly name: string;
  /** Programs without which it cannot be measured. */
  readonly needs: readonly string[];
  version(): string;
  can(operation: Operation, form: Form): boolean;
  /** Begins on a store, which is an empty directory. */
  start(store: string, images: Images): Promise<RunningProgram>;
}

/** A program without a daemon. `verb` gives what follows its first words. */
export function runningAlone(words: readonly string[], verb: (work: Work) => readonly string[]): RunningProgram {
  return { daemon: null, words, command: (work) => [...words, ...verb(work)], stop: async () => {} };
}

/** Brings an image into its store. */
export function loadImage(running: RunningProgram, image: string, form: Form = "docker-archive"): void {
  const [file = "", ...words] = running.command({ operation: "load", form, image });
  command(file, ...words);
}

/** A program at work on a store into which the image was loaded. */
export async function startLoaded(
  program: Program,
  store: string,
  image: string,
  images: Images,
): Promise<RunningProgram> {
  const running = await program.start(store, images);
  try {
    loadImage(running, image);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

/** The first word of a program's answer that looks like a version. */
export function numberIn(answer: string): string {
  return /\d+\.\d+(\.\d+)?/.exec(answer)?.[0] ?? answer.trim();
}
