import type { RunningPeer } from "./peer.ts";

/** One thing to do with containers, timed again and again. */
export interface ContainerTask {
  readonly title: string;
  /** Whether a peer has what it takes. */
  isFor(peer: RunningPeer): boolean;
  /** Before the first run: the containers that it makes, which are removed after the last one. */
  setUp(peer: RunningPeer): Promise<readonly string[]>;
  /** What is timed, on the first of those containers. */
  act(peer: RunningPeer, container: string): Promise<void>;
  /** After each run. */
  undo?(peer: RunningPeer): Promise<void>;
}

/** A tar that changes so many files of the image. */
export interface ChangedFiles {
  readonly count: number;
  readonly tar: string;
}

const OTHERS = 199;
const COMMITTED = "lab/committed";

export function containerTasks(changes: readonly ChangedFiles[]): ContainerTask[] {
  return [creation(), mounting(), ...changes.map(diffing), ...changes.map(committing), creationBesideOthers()];
}

function creation(): ContainerTask {
  return {
    title: "create + rm",
    isFor: () => true,
    setUp: async () => [],
    act: async (peer) => peer.remove(await peer.create()),
  };
}

function creationBesideOthers(): ContainerTask {
  return {
    ...creation(),
    title: `create + rm beside ${OTHERS} others`,
    isFor: ({ isResident }) => isResident,
    setUp: async (peer) => {
      const made: string[] = [];
      while (made.length < OTHERS) made.push(await peer.create());
      return made;
    },
  };
}

function mounting(): ContainerTask {
  return {
    title: "mount + umount",
    isFor: ({ mount, unmount }) => mount !== undefined && unmount !== undefined,
    setUp: async (peer) => [await peer.create()],
    act: async ({ mount, unmount }, container) => {
      await mount?.(container);
      await unmount?.(container);
    },
  };
}

function diffing({ count, tar }: ChangedFiles): ContainerTask {
  return {
    title: `diff, ${filesOf(count)} changed`,
    isFor: ({ diff }) => diff !== undefined,
    setUp: (peer) => changedContainer(peer, tar),
    act: async ({ diff }, container) => {
      const told = await diff?.(container);
      if (told === undefined || told < count) throw new Error(`it tells ${told} changes, expected at least ${count}`);
    },
  };
}

function committing({ count, tar }: ChangedFiles): ContainerTask {
  return {
    title: `commit, ${filesOf(count)} changed`,
    isFor: () => true,
    setUp: (peer) => changedContainer(peer, tar),
    act: (peer, container) => peer.commit(container, COMMITTED),
    undo: (peer) => peer.removeImage(COMMITTED),
  };
}

async function changedContainer(peer: RunningPeer, tar: string): Promise<string[]> {
  const container = await peer.create();
  await peer.change(container, tar);
  return [container];
}

function filesOf(count: number): string {
  return count === 1 ? "1 file" : `${count.toLocaleString("en")} files`;
}
