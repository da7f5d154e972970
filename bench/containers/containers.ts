import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { BenchmarkOptions } from "../benchmark.ts";
import { benchFileSystem, command, FILE_SYSTEM } from "../file-system.ts";
import { parseLayerfsListing, sourceOf } from "../look/listers/layerfs.ts";
import { machineFacts } from "../machine.ts";
import { withoutPrograms } from "../programs.ts";
import { changedFilesTar } from "./changed-files.ts";
import type { ContainerPeer, RunningPeer } from "./peer.ts";
import { buildahCommands } from "./peers/buildah.ts";
import { dockerAPI } from "./peers/docker.ts";
import { layerfsCommands, layerfsLibrary } from "./peers/layerfs.ts";
import { podmanCommands } from "./peers/podman.ts";
import type { ContainerResults, ContainerSample } from "./results.ts";
import { type ChangedFiles, type ContainerTask, containerTasks } from "./tasks.ts";

/** The image that it is made for. */
const IMAGE = "large";
const CHANGES = [1, 5000];
/** The run that is not counted: in it a process that runs on loads what it needs. */
const WARM_UP = 0;

/** Containers of one image, by all peers in turn. Their stores lie side by side on one file system. */
export async function containers(options: BenchmarkOptions): Promise<ContainerResults> {
  const { directory, layerfs, library, only } = options;
  const present = readdirSync(join(directory, "oci")).sort();
  const image = options.images[0] ?? present.find((name) => name === IMAGE) ?? present[0] ?? IMAGE;
  const peers = [
    layerfsLibrary(layerfs, library),
    layerfsCommands(layerfs),
    dockerAPI,
    podmanCommands,
    buildahCommands,
  ];
  const wanted = peers.filter(({ name }) => only.length === 0 || only.some((word) => name.startsWith(word)));
  using fileSystem = benchFileSystem(options.gibibytes);
  const course = new Course(options, image, fileSystem.fresh());
  try {
    await course.start(wanted, { directory, work: fileSystem.work });
    for (const task of containerTasks(changesOf(image, options, fileSystem.work))) await course.run(task);
  } finally {
    await course.stop();
  }
  return {
    date: new Date().toISOString(),
    machine: machineFacts(FILE_SYSTEM),
    image,
    versions: Object.fromEntries(course.measured().map(({ name, version }) => [name, version()])),
    missing: course.missing,
    samples: course.samples,
  };
}

function changesOf(image: string, { directory, layerfs }: BenchmarkOptions, work: string): ChangedFiles[] {
  const [file = "", ...words] = layerfs;
  const source = sourceOf(image, "docker-archive", { directory, work });
  const nodes = parseLayerfsListing(command(file, ...words, "ls", "-R", "--format", "json", source));
  return CHANGES.map((count) => ({ count, tar: changedFilesTar(nodes, count, join(work, `changes-${count}`)) }));
}

/** Peers at work, and what was found of them. A peer that fails takes no more part in the task that it failed in. */
class Course {
  readonly missing: { readonly what: string; readonly reason: string }[] = [];
  readonly samples: ContainerSample[] = [];
  readonly #running = new Map<ContainerPeer, RunningPeer>();
  readonly #options: Pick<BenchmarkOptions, "runs" | "log">;
  readonly #image: string;
  readonly #root: string;

  constructor(options: Pick<BenchmarkOptions, "runs" | "log">, image: string, root: string) {
    this.#options = options;
    this.#image = image;
    this.#root = root;
  }

  async start(peers: readonly ContainerPeer[], images: Parameters<ContainerPeer["start"]>[2]): Promise<void> {
    for (const peer of peers) {
      const reason = withoutPrograms(peer.needs);
      if (reason !== null) {
        this.missing.push({ what: peer.name, reason });
        continue;
      }
      const store = join(this.#root, peer.name.replace(", ", "-"));
      mkdirSync(store);
      await this.#attempt(peer.name, async () => {
        this.#running.set(peer, await peer.start(store, this.#image, images));
      });
    }
  }

  async run(task: ContainerTask): Promise<void> {
    const prepared = new Map<ContainerPeer, { readonly running: RunningPeer; readonly made: readonly string[] }>();
    for (const [peer, running] of this.#running) {
      if (!task.isFor(running)) continue;
      await this.#attempt(`${task.title} by ${peer.name}`, async () => {
        prepared.set(peer, { running, made: await task.setUp(running) });
      });
    }
    for (let run = WARM_UP; run <= this.#options.runs; run++) {
      for (const [peer, { running, made }] of [...prepared]) {
        const isDone = await this.#attempt(`${task.title} by ${peer.name}`, async () => {
          await this.#sample(task, peer, running, { container: made[0] ?? "", run });
        });
        if (!isDone) prepared.delete(peer);
      }
    }
    for (const { running, made } of prepared.values()) for (const container of made) await running.remove(container);
  }

  async #sample(
    task: ContainerTask,
    { name, isOurs }: ContainerPeer,
    running: RunningPeer,
    { container, run }: { readonly container: string; readonly run: number },
  ): Promise<void> {
    const begin = performance.now();
    await task.act(running, container);
    const milliseconds = performance.now() - begin;
    await task.undo?.(running);
    if (run === WARM_UP) return;
    this.samples.push({ task: task.title, peer: name, isOurs, milliseconds });
    this.#options.log(`${task.title} ${run}/${this.#options.runs} ${name}: ${milliseconds.toFixed(1)} ms`);
  }

  async #attempt(what: string, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.missing.push({ what, reason: (error as Error).message });
      return false;
    }
  }

  measured(): ContainerPeer[] {
    return [...this.#running.keys()];
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#running.values()) await stop();
  }
}
