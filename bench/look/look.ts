import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { BenchmarkOptions } from "../benchmark.ts";
import { benchFileSystem, FILE_SYSTEM, memoryDirectory } from "../file-system.ts";
import { machineFacts } from "../machine.ts";
import type { NotMeasured } from "../report.ts";
import { OURS } from "../results.ts";
import type { Lister } from "./lister.ts";
import { containerListers } from "./listers/containers.ts";
import { layerfsLister } from "./listers/layerfs.ts";
import { installSnyk, SNYK, snykListers } from "./listers/snyk-docker-plugin.ts";
import { umociLister } from "./listers/umoci.ts";
import { measureListings } from "./measure-listings.ts";
import { measureReadings } from "./measure-readings.ts";
import type { LookResults } from "./results.ts";

/** The images that it is made for. */
const READ = ["large", "wasteful"];
const LISTED = ["nasty", "nginx", "large"];

/** Reading images: beside plain readings of the same bytes, and beside other ways to know all paths of an image. */
export async function look(options: BenchmarkOptions): Promise<LookResults> {
  const { directory, only, layerfs } = options;
  const present = readdirSync(join(directory, "oci"));
  const imagesOf = (usual: readonly string[]): readonly string[] =>
    options.images.length > 0 ? options.images : usual.filter((image) => present.includes(image));
  const missing: NotMeasured[] = [];
  const notMeasured = (what: string, reason: string): void => void missing.push({ what, reason });
  using resources = new DisposableStack();
  const fileSystem = resources.use(benchFileSystem(options.gibibytes));
  const output = join(resources.use(memoryDirectory()).path, "output");
  const isWanted = (peer: string): boolean => only.length === 0 || only.includes(peer);
  const ours = (["docker-archive", "OCI layout", "store"] as const).map((form) => layerfsLister(layerfs, form));
  const others = [...containerListers, umociLister, ...(isWanted(SNYK) ? installedSnyk(resources, notMeasured) : [])];
  const listers = [...ours, ...others].filter(({ peer }) => isWanted(peer));
  const images = { directory, work: fileSystem.work };
  const course = { options, images, fileSystem, output, notMeasured };
  const readings = isWanted(OURS) ? await measureReadings(imagesOf(READ), course) : [];
  const listings = await measureListings(imagesOf(LISTED), listers, course);
  const listed = listers.filter(({ peer }) => listings.some((sample) => sample.peer === peer));
  const versions = Object.fromEntries(listed.map(({ peer, version }) => [peer, version()]));
  const date = new Date().toISOString();
  return { date, machine: machineFacts(FILE_SYSTEM), versions, missing, readings, listings };
}

function installedSnyk(resources: DisposableStack, notMeasured: (what: string, reason: string) => void): Lister[] {
  try {
    return snykListers(resources.use(installSnyk()));
  } catch (error) {
    notMeasured(SNYK, `npm could not install it: ${(error as Error).message}`);
    return [];
  }
}
