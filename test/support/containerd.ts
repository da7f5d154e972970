import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mounting, program, type Requirement, root } from "./requires.ts";

/** A containerd of the test's own, without CRI. */
export interface Containerd extends AsyncDisposable {
  /** Runs `ctr` and returns what it prints; fails with its messages. */
  ctr(...words: readonly string[]): string;
}

/** What it needs of the machine, for `requires`. */
export function containerd(): Requirement {
  return root() ?? mounting() ?? program("containerd") ?? program("ctr") ?? program("setpriv");
}

const START_MS = 20_000;

/** It ends with the test's process at the latest. Fails where it does not start. */
export async function startContainerd(): Promise<Containerd> {
  const place = mkdtempSync(join(tmpdir(), "lfsc-"));
  const address = join(place, "s");
  writeFileSync(
    join(place, "config.toml"),
    [
      "version = 2",
      `root = ${JSON.stringify(join(place, "root"))}`,
      `state = ${JSON.stringify(join(place, "state"))}`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
      "[grpc]",
      `address = ${JSON.stringify(address)}`,
    ].join("\n"),
  );
  const words = ["--pdeathsig", "TERM", "containerd", "-c", join(place, "config.toml")];
  const daemon = spawn("setpriv", words, { stdio: "ignore" });
  const run = (...argv: readonly string[]) =>
    spawnSync("ctr", ["-a", address, ...argv], { encoding: "utf8", maxBuffer: 1 << 26 });
  const dispose = async (): Promise<void> => {
    await end(daemon);
    rmSync(place, { recursive: true });
  };
  for (const deadline = Date.now() + START_MS; run("version").status !== 0; await sleep(50)) {
    if (daemon.exitCode === null && Date.now() < deadline) continue;
    await dispose();
    throw new Error("containerd did not start");
  }
  return {
    ctr(...argv) {
      const { status, stdout, stderr } = run(...argv);
      if (status !== 0) throw new Error(`ctr ${argv.join(" ")}: ${stderr.trim()}`);
      return stdout.trimEnd();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  await ended;
}
