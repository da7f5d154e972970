import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "../../src/core/digest.ts";
import { machineRoot } from "./filesystems.ts";
import { startProcess } from "./layerfs-process.ts";
import { findProgram, mounting, program, type Requirement } from "./requires.ts";
import { scratchDirectory } from "./scratch.ts";

/** A dockerd of the test's own, without any network. */
export interface Dockerd extends AsyncDisposable {
  /** Runs the docker client and returns what it prints; fails with its messages. */
  docker(...words: readonly string[]): string;
  /** The same, while this process does something else. */
  dockerBeside(...words: readonly string[]): Promise<string>;
}

/** What a private dockerd needs of the machine, for `requires`. */
export function dockerd(): Requirement {
  return (
    machineRoot() ?? mounting() ?? program("dockerd") ?? program("docker") ?? program("runc") ?? program("setpriv")
  );
}

const START_MS = 20_000;

/**
 * Starts a dockerd on a data root, with its mounts in a namespace that ends with it. It ends with the test's process at
 * the latest. Fails with the daemon's last words where it does not start.
 */
export async function startDockerd(root: string, driver: string): Promise<Dockerd> {
  const place = mkdtempSync(join(tmpdir(), "lfsd-"));
  const socket = `unix://${join(place, "sock")}`;
  const daemon = spawn("unshare", [...OWN_NAMESPACE, findProgram("dockerd") ?? "", ...options(root, driver, place)], {
    stdio: ["ignore", "ignore", openSync(join(place, "log"), "w")],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
  });
  const client = ["--config", place, "-H", socket];
  const run = (...words: readonly string[]) =>
    spawnSync("docker", [...client, ...words], { encoding: "utf8", maxBuffer: 1 << 26 });
  const dispose = async (): Promise<void> => {
    await end(daemon);
    rmSync(place, { recursive: true });
  };
  for (const deadline = Date.now() + START_MS; run("version").status !== 0; await sleep(50)) {
    if (daemon.exitCode === null && Date.now() < deadline) continue;
    await end(daemon);
    const log = readFileSync(join(place, "log"), "utf8").trimEnd().split("\n");
    // What its containerd says while it ends comes after the reason.
    const words = log.findLast((line) => !/level=(debug|info|warning)/.test(line)) ?? log.at(-1);
    rmSync(place, { recursive: true });
    throw new Error(`dockerd did not start: ${words}`);
  }
  return {
    docker(...words) {
      const { status, stdout, stderr } = run(...words);
      if (status !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr.trim()}`);
      return stdout.trimEnd();
    },
    async dockerBeside(...words) {
      const { status, stdout, stderr } = await startProcess("docker", [...client, ...words], {}).ended;
      if (status !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr.trim()}`);
      return stdout.trimEnd();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Ends the daemon whatever `use` does. */
export async function whileRunning(daemon: Dockerd, use: (daemon: Dockerd) => Promise<void>): Promise<void> {
  await using _stopped = daemon;
  await use(daemon);
}

const OWN_NAMESPACE = ["--mount", "--propagation", "private", "setpriv", "--pdeathsig", "TERM"];

function options(root: string, driver: string, place: string): string[] {
  const state = ["--data-root", root, "--exec-root", join(place, "exec"), "-p", join(place, "pid")];
  const noNetwork = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"];
  return [...state, ...noNetwork, "-s", driver, "-H", `unix://${join(place, "sock")}`];
}

/** SIGTERM lets it stop its containerd and containers too. */
async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  const killing = setTimeout(() => daemon.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(killing);
}

/** For each name the digests of the image's layers, lowest first, as the bytes are that `docker save` gives. */
export function savedLayers({ docker }: Dockerd, ...images: readonly string[]): Record<string, string[]> {
  const directory = scratchDirectory();
  docker("save", "-o", join(directory, "saved.tar"), ...images);
  extract(join(directory, "saved.tar"), directory);
  const manifest: SavedImage[] = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
  return Object.fromEntries(
    manifest.flatMap(({ RepoTags, Layers }) => {
      const digests = Layers.map((layer) => digestOf(readFileSync(join(directory, layer))));
      return (RepoTags ?? []).map((name) => [name, digests]);
    }),
  );
}

interface SavedImage {
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/** A directory with a container's tree, as `docker export` gives it. */
export function exportedTree({ docker }: Dockerd, container: string): string {
  const directory = scratchDirectory();
  const tree = join(directory, "tree");
  mkdirSync(tree);
  docker("export", "-o", join(directory, "exported.tar"), container);
  extract(join(directory, "exported.tar"), tree);
  return tree;
}

/** A tree without what dockerd puts into every container, whatever its image has there. */
export function withoutMountPoints(tree: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !isMountPoint(path)));
}

/** What dockerd puts into every container, or changes there, by its path without a leading `/`. */
export function isMountPoint(path: string): boolean {
  return MOUNT_POINTS.test(path);
}

const MOUNT_POINTS = /^(\.dockerenv|proc|sys|dev|dev\/(console|pts|shm)|etc|etc\/(hostname|hosts|resolv\.conf|mtab))$/;

function extract(archive: string, directory: string): void {
  const { status, stderr } = spawnSync("tar", ["-xpf", archive, "-C", directory, "--numeric-owner"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`tar -xpf ${archive}: ${stderr.trim()}`);
}
