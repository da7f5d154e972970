import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BenchFileSystem, benchFileSystem, FILE_SYSTEM } from "./file-system.ts";
import { machineFacts } from "./machine.ts";
import { measure } from "./measure.ts";
import { allPeers, type Images, obstacle, type Peer, pathOf } from "./peers.ts";
import type { Missing, Results, TaskSample } from "./results.ts";
import type { Sample } from "./statistics.ts";

export interface LoadBenchmark {
  /** Directory of images; see `Images`. */
  readonly directory: string;
  readonly images: readonly string[];
  readonly runs: number;
  /** Names of the peers that are measured; empty for all. */
  readonly only: readonly string[];
  /** The words that start layerfs. */
  readonly layerfs: readonly string[];
  readonly gibibytes: number;
  readonly log: (line: string) => void;
}

/** Peers take turns, so that what changes on the machine meanwhile strikes all of them. */
export async function benchmarkLoad(options: LoadBenchmark): Promise<Results> {
  const wanted = allPeers(options.layerfs).filter(
    ({ name }) => options.only.length === 0 || options.only.includes(name),
  );
  const missing = wanted.flatMap((peer): Missing[] => {
    const reason = obstacle(peer);
    return reason === null ? [] : [{ peer: peer.name, form: peer.form, reason }];
  });
  const peers = new Set(wanted.filter((peer) => obstacle(peer) === null));
  const versions = Object.fromEntries([...peers].map((peer) => [peer.name, peer.version()]));
  const samples: TaskSample[] = [];
  using fileSystem = benchFileSystem(options.gibibytes);
  const images: Images = { directory: options.directory, work: fileSystem.work };
  for (const image of options.images) {
    for (let run = 1; run <= options.runs; run++) {
      for (const peer of peers) {
        if (!existsSync(pathOf(image, peer.form, images))) continue;
        try {
          const sample = await sampleOf(peer, image, images, fileSystem);
          samples.push({ peer: peer.name, form: peer.form, image, ...sample });
          options.log(`${image} ${run}/${options.runs} ${peer.name} (${peer.form}): ${sample.seconds.toFixed(2)} s`);
        } catch (error) {
          peers.delete(peer);
          missing.push({ peer: peer.name, form: peer.form, reason: `${image} failed: ${(error as Error).message}` });
        }
      }
    }
  }
  const date = new Date().toISOString();
  return { operation: "load", date, machine: machineFacts(FILE_SYSTEM), versions, missing, samples };
}

async function sampleOf(peer: Peer, image: string, images: Images, fileSystem: BenchFileSystem): Promise<Sample> {
  const store = fileSystem.fresh();
  const running = await peer.start(store, images);
  try {
    const words = running.load(image);
    await readAll(pathOf(image, peer.form, images));
    return await measure({ words, store, daemon: running.daemon, log: join(images.work, `${peer.name}.log`) });
  } finally {
    await running.stop();
  }
}

/** So that every run finds its input in memory. */
async function readAll(path: string): Promise<void> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) await readAll(join(path, name));
    return;
  }
  for await (const _ of createReadStream(path, { highWaterMark: 2 ** 20 }));
}
