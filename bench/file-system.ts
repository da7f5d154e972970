import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An ext4 in a file of its own, made anew for each sample, so that no sample pays for what another left. */
export interface BenchFileSystem extends Disposable {
  /** A directory beside it, for what is not measured. */
  readonly work: string;
  /** Makes it anew, empty, and returns the directory where it is mounted. */
  fresh(): string;
}

export const FILE_SYSTEM = "a fresh ext4 in a loop-mounted file";

/** The mount is private to this process's namespace. Fails where there is no room for `gibibytes`. */
export function benchFileSystem(gibibytes: number): BenchFileSystem {
  const work = mkdtempSync(join(tmpdir(), "layerfs-bench-"));
  const image = join(work, "fs.img");
  const target = join(work, "fs");
  let mounted = false;
  const drop = (): void => {
    if (mounted) unmountWhenIdle(target);
    mounted = false;
  };
  const dispose = (): void => {
    drop();
    rmSync(work, { recursive: true });
  };
  try {
    mkdirSync(target);
    const { bavail, bsize } = statfsSync(work);
    if (bavail * bsize < (gibibytes + 1) * 2 ** 30) throw new Error(`${work}: less than ${gibibytes + 1} GiB are free`);
    command("fallocate", "--length", `${gibibytes}GiB`, image);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    work,
    fresh: () => {
      drop();
      command("mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", image);
      command("mount", "-t", "ext4", "-o", "loop,noinit_itable", image, target);
      mounted = true;
      command("sync");
      return target;
    },
    [Symbol.dispose]: dispose,
  };
}

export interface MemoryDirectory extends Disposable {
  readonly path: string;
}

/** A tmpfs, in which what programs print costs no disk. The mount is private to this process's namespace. */
export function memoryDirectory(): MemoryDirectory {
  const path = mkdtempSync(join(tmpdir(), "layerfs-bench-memory-"));
  try {
    command("mount", "-t", "tmpfs", "none", path);
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  return {
    path,
    [Symbol.dispose]: () => {
      unmountWhenIdle(path);
      rmdirSync(path);
    },
  };
}

const BUSY_MS = 20_000;

/** What a daemon has started may end a little later than the daemon. */
function unmountWhenIdle(target: string): void {
  const deadline = Date.now() + BUSY_MS;
  while (spawnSync("umount", ["--recursive", target]).status !== 0) {
    if (Date.now() > deadline) {
      command("umount", "--recursive", target);
      return;
    }
    spawnSync("sleep", ["0.1"]);
  }
}

/** Runs a program to its end. Fails with what it says. */
export function command(program: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${words.join(" ")}: ${stderr.trim()}`);
  return stdout;
}
