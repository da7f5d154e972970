import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineRoot } from "./filesystems.ts";
import { type LayerfsProcess, startProcess } from "./layerfs-process.ts";
import { mounting, program, type Requirement } from "./requires.ts";
import { checkout } from "./tree.ts";

/** A file system on a disk whose power can be cut: what was not synced then is lost, as far as the kernel kept it back. */
export interface CuttableDisk extends Disposable {
  readonly directory: string;
  /**
   * No byte reaches the disk any more from this moment on, and it is mounted again as after a start of the machine. Its
   * users must have ended, or been killed, before; `whileUsed` kills them at the same moment.
   */
  cut(whileUsed?: () => Promise<unknown>): Promise<void>;
  /** Runs the command on a machine that has been started as often as the power was cut. */
  layerfs(...words: readonly string[]): LayerfsProcess;
}

/** What such a disk needs of the machine, for `requires`. */
export function cuttableDisk(): Requirement {
  return machineRoot() ?? mounting() ?? program("mkfs.ext4") ?? program("xfs_io") ?? program("unshare");
}

/** `size` such as "512M". The file system is ext4 as distributions make it. */
export function makeCuttableDisk(size: string, env: Readonly<Record<string, string>> = {}): CuttableDisk {
  const parent = mkdtempSync(join(tmpdir(), "layerfs-power-"));
  const directory = join(parent, "mnt");
  const image = join(parent, "image");
  const bootID = join(parent, "boot-id");
  const mount = (): void => run("mount", ["-o", "loop", image, directory]);
  mkdirSync(directory);
  writeFileSync(image, "");
  truncateSync(image, Number.parseInt(size, 10) * 1024 ** 2);
  run("mkfs.ext4", ["-q", "-E", "nodiscard", image]);
  writeFileSync(bootID, `${randomUUID()}\n`);
  mount();
  return {
    directory,
    async cut(whileUsed) {
      // The kernel drops what it has not written: FS_IOC_SHUTDOWN without a flush of the journal.
      run("xfs_io", ["-x", "-c", "shutdown", directory]);
      await whileUsed?.();
      run("umount", [directory]);
      mount();
      writeFileSync(bootID, `${randomUUID()}\n`);
    },
    layerfs(...words) {
      const inNamespace = `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`;
      const unshare = ["--mount", "--propagation", "private", "sh", "-c", inNamespace, bootID];
      return startProcess("unshare", [...unshare, process.execPath, join(checkout, "src/cli/main.ts"), ...words], env);
    },
    [Symbol.dispose]() {
      run("umount", [directory]);
      rmSync(parent, { recursive: true });
    },
  };
}

function run(command: string, words: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
}
