import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "./machine.ts";

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A dockerd of the test's own, without a network. */
export interface DockerDaemon {
  readonly root: string;
  /** Runs the docker client against it. */
  docker(...argv: readonly string[]): CommandResult;
  /** Ends it, with its containers. */
  stop(): Promise<void>;
}

const START_SECONDS = 40;
const STOP_SECONDS = 20;

/**
 * Starts dockerd on the data root `<directory>/root`, in a mount namespace of its own, so that its mounts go with it. It
 * ends with this process, whatever becomes of that. `directory` is short, for it holds a socket.
 */
export async function startDockerDaemon(directory: string, driver: string): Promise<DockerDaemon> {
  const root = join(directory, "root");
  const socket = join(directory, "docker.sock");
  const log = join(directory, "log");
  mkdirSync(root, { recursive: true });
  const output = openSync(log, "w");
  const options = ["--data-root", root, "--exec-root", join(directory, "exec"), "-p", join(directory, "pid")];
  const network = ["--iptables=false", "--bridge=none", "--ip-forward=false"];
  const daemon = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "TERM", "unshare", "--mount", "--propagation", "private"],
      ...[findProgram("dockerd") ?? "dockerd", ...options, ...network, "-H", `unix://${socket}`, "-s", driver],
    ],
    { stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, TZ: "UTC", LC_ALL: "C" };
  const docker: DockerDaemon["docker"] = (...argv) => {
    const { status, stdout, stderr, error } = spawnSync("docker", argv, { encoding: "utf8", env, timeout: 20_000 });
    if (error) throw error;
    return { status, stdout, stderr };
  };
  for (let waited = 0; !existsSync(socket) || docker("version").status !== 0; waited += 0.1) {
    if (daemon.exitCode !== null || waited > START_SECONDS) {
      daemon.kill("SIGKILL");
      throw new Error(`dockerd does not answer:\n${readFileSync(log, "utf8").split("\n").slice(-15).join("\n")}`);
    }
    await sleep(100);
  }
  return { root, docker, stop: () => stop(daemon, docker) };
}

async function stop(daemon: ChildProcess, docker: DockerDaemon["docker"]): Promise<void> {
  const containers = docker("ps", "-q").stdout.split("\n").filter(Boolean);
  if (containers.length > 0) docker("kill", ...containers);
  const ended = new Promise<void>((resolve) => daemon.once("exit", () => resolve()));
  if (daemon.exitCode === null) {
    daemon.kill("SIGTERM");
    const overdue = setTimeout(() => daemon.kill("SIGKILL"), STOP_SECONDS * 1000);
    await ended;
    clearTimeout(overdue);
  }
}
