import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../test/support/machine.ts";
import { command } from "./file-system.ts";
import type { InputForm } from "./results.ts";

/** Where the images are, and what is made of them for a peer that needs another form. */
export interface Images {
  /** `docker/NAME.tar` and `oci/NAME`, the latter with the tag `latest`. */
  readonly directory: string;
  /** A directory for derived files. */
  readonly work: string;
}

/** A peer at work on an empty store. */
export interface RunningPeer {
  readonly daemon: number | null;
  load(image: string): readonly string[];
  stop(): Promise<void>;
}

/** A program that loads images, as its users call it. */
export interface Peer {
  readonly name: string;
  readonly form: InputForm;
  /** Programs without which it cannot be measured. */
  readonly programs: readonly string[];
  version(): string;
  start(store: string, images: Images): Promise<RunningPeer>;
}

/** `layerfs`: the words that start the command that users install. */
export function allPeers(layerfs: readonly string[]): Peer[] {
  return [
    ours(layerfs, "docker-archive", (image, { directory }) => ["-i", join(directory, "docker", `${image}.tar`)]),
    docker,
    podman,
    ours(layerfs, "oci", (image, { directory }) => [`oci:${join(directory, "oci", image)}`]),
    skopeo,
    umoci,
    ctr,
  ];
}

/** Null where it can be measured, else why not. */
export function obstacle({ programs }: Peer): string | null {
  const missing = programs.filter((program) => findProgram(program) === null);
  return missing.length === 0 ? null : `there is no ${missing.join(" and no ")} on PATH`;
}

export function pathOf(image: string, form: InputForm, { directory }: Images): string {
  return form === "oci" ? join(directory, "oci", image) : join(directory, "docker", `${image}.tar`);
}

function ours(
  layerfs: readonly string[],
  form: InputForm,
  input: (image: string, images: Images) => readonly string[],
): Peer {
  return {
    name: "layerfs",
    form,
    programs: [],
    version: () => command(layerfs[0] ?? "", ...layerfs.slice(1), "version", "--format", "{{.Version}}").trim(),
    start: async (store, images) =>
      withoutDaemon((image) => [...layerfs, "--root", join(store, "root"), "load", "-q", ...input(image, images)]),
  };
}

const docker: Peer = {
  name: "docker",
  form: "docker-archive",
  programs: ["docker", "dockerd"],
  version: () => numberIn(command("dockerd", "--version")),
  start: async (store, { directory }) => {
    const host = `unix://${join(store, "s")}`;
    const places = ["--data-root", join(store, "root"), "--exec-root", join(store, "exec"), "-p", join(store, "pid")];
    const network = ["--iptables=false", "--bridge=none", "--ip-forward=false"];
    const daemon = startDaemon(["dockerd", ...places, "-H", host, ...network, "-s", "overlay2"], join(store, "log"));
    await untilReady(daemon, ["docker", "-H", host, "version"]);
    return {
      ...stopping(daemon),
      load: (image) => ["docker", "-H", host, "load", "-q", "-i", join(directory, "docker", `${image}.tar`)],
    };
  },
};

const podman: Peer = {
  name: "podman",
  form: "docker-archive",
  programs: ["podman"],
  version: () => numberIn(command("podman", "--version")),
  start: async (store, { directory }) => {
    const places = ["--root", join(store, "root"), "--runroot", join(store, "run"), "--tmpdir", join(store, "tmp")];
    const options = ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
    return withoutDaemon((image) => {
      const archive = join(directory, "docker", `${image}.tar`);
      return ["podman", ...places, ...options, "load", "-q", "-i", archive];
    });
  },
};

/** Into the storage that podman and buildah use. */
const skopeo: Peer = {
  name: "skopeo",
  form: "oci",
  programs: ["skopeo"],
  version: () => numberIn(command("skopeo", "--version")),
  start: async (store, { directory }) => {
    const storage = `containers-storage:[overlay@${join(store, "root")}+${join(store, "run")}]`;
    return withoutDaemon((image) => {
      const layout = `oci:${join(directory, "oci", image)}:latest`;
      return ["skopeo", "copy", "-q", layout, `${storage}localhost/${image}:1`];
    });
  },
};

/** It has no store: an image is unpacked to one tree. */
const umoci: Peer = {
  name: "umoci",
  form: "oci",
  programs: ["umoci"],
  version: () => numberIn(command("umoci", "--version")),
  start: async (store, { directory }) =>
    withoutDaemon((image) => {
      const layout = `${join(directory, "oci", image)}:latest`;
      return ["umoci", "unpack", "--image", layout, join(store, "bundle")];
    }),
};

/** It takes a layout only as an archive, which is made before the time is taken. */
const ctr: Peer = {
  name: "ctr",
  form: "oci",
  programs: ["ctr", "containerd"],
  version: () => numberIn(command("containerd", "--version")),
  start: async (store, { directory, work }) => {
    const address = join(store, "s");
    const config = join(store, "config.toml");
    writeFileSync(config, containerdConfig(store, address));
    const daemon = startDaemon(["containerd", "-c", config], join(store, "log"));
    await untilReady(daemon, ["ctr", "-a", address, "version"]);
    return {
      ...stopping(daemon),
      load: (image) => {
        const archive = join(work, `${image}.oci.tar`);
        if (!existsSync(archive)) command("tar", "-C", join(directory, "oci", image), "-cf", archive, ".");
        const options = ["--base-name", `localhost/${image}`, "--snapshotter", "overlayfs"];
        return ["ctr", "-a", address, "images", "import", ...options, archive];
      },
    };
  },
};

function containerdConfig(store: string, address: string): string {
  return [
    "version = 2",
    `root = ${JSON.stringify(join(store, "root"))}`,
    `state = ${JSON.stringify(join(store, "state"))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    "[grpc]",
    `address = ${JSON.stringify(address)}`,
    "",
  ].join("\n");
}

function withoutDaemon(load: (image: string) => readonly string[]): RunningPeer {
  return { daemon: null, load, stop: async () => {} };
}

function startDaemon([program = "", ...words]: readonly string[], log: string): ChildProcess {
  const output = openSync(log, "a");
  try {
    return spawn(program, words, { stdio: ["ignore", output, output] });
  } finally {
    closeSync(output); // it lies in the store, which is unmounted
  }
}

function stopping(daemon: ChildProcess): Pick<RunningPeer, "daemon" | "stop"> {
  return {
    daemon: daemon.pid ?? null,
    stop: async () => {
      if (daemon.exitCode !== null || daemon.signalCode !== null) return;
      const ended = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill("SIGTERM");
      await ended;
    },
  };
}

const READY_MS = 30_000;

async function untilReady(daemon: ChildProcess, [program = "", ...words]: readonly string[]): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (spawnSync(program, words, { stdio: "ignore" }).status !== 0) {
    if (daemon.exitCode !== null) throw new Error(`${daemon.spawnfile} ended with ${daemon.exitCode} as it started`);
    if (Date.now() > deadline) {
      await stopping(daemon).stop();
      throw new Error(`${daemon.spawnfile} did not answer within ${READY_MS / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The first word of a program's answer that looks like a version. */
function numberIn(answer: string): string {
  return /\d+\.\d+(\.\d+)?/.exec(answer)?.[0] ?? answer.trim();
}
