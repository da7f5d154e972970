import { command } from "../../file-system.ts";
import type { RunningProgram } from "../../program.ts";
import type { RunningPeer } from "../peer.ts";

/** Verbs that programs have in common; where one differs it is given. */
export interface Verbs {
  /** Without the image. Default: `create`. */
  readonly create?: readonly string[];
  /** What follows the image. */
  readonly process?: readonly string[];
  readonly commit?: readonly string[];
  readonly hasDiff: boolean;
}

/** Each call is one command, from its start to its end. */
export function byCommands(running: RunningProgram, image: string, verbs: Verbs): RunningPeer {
  const { create = ["create"], process = [], commit = ["commit"], hasDiff } = verbs;
  const [file = "", ...first] = running.words;
  const run = async (...words: readonly string[]): Promise<string> => command(file, ...first, ...words).trim();
  const mount = (container: string): Promise<string> => run("mount", container);
  const unmount = async (container: string): Promise<void> => void (await run("umount", container));
  return {
    isResident: false,
    create: () => run(...create, image, ...process),
    remove: async (container) => void (await run("rm", container)),
    mount,
    unmount,
    change: (container, tar) => unpackInto(container, tar, { mount, unmount }),
    ...(hasDiff && { diff: async (container: string) => (await run("diff", container)).split("\n").length }),
    commit: async (container, reference) => void (await run(...commit, container, reference)),
    removeImage: async (reference) => void (await run("rmi", reference)),
    stop: running.stop,
  };
}

export async function unpackInto(
  container: string,
  tar: string,
  { mount, unmount }: Required<Pick<RunningPeer, "mount" | "unmount">>,
): Promise<void> {
  const directory = await mount(container);
  try {
    command("tar", "--extract", "--file", tar, "--directory", directory);
  } finally {
    await unmount(container);
  }
}
