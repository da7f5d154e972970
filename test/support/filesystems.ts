import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mounting, program, type Requirement, root } from "./requires.ts";

export type FileSystemKind = "tmpfs" | "ext4" | "ext4-without-d_type" | "xfs" | "btrfs";

/** A fresh, empty file system, mounted; it vanishes at the end of its scope or with the test run's mount namespace. */
export interface TestFileSystem extends Disposable {
  readonly kind: FileSystemKind;
  readonly directory: string;
}

export interface FileSystemForm {
  /** In place of the usual one, such as "64M". */
  readonly size?: string;
  /** Further options of mkfs. */
  readonly options?: readonly string[];
}

/** mkfs without the options that cost time; sizes are the least that the programs take, with room to spare. */
const KINDS: Readonly<Record<FileSystemKind, { readonly size: string; readonly make: readonly string[] }>> = {
  tmpfs: { size: "256M", make: [] },
  ext4: { size: "256M", make: ["mkfs.ext4", "-q", "-E", "lazy_itable_init=1,nodiscard"] },
  "ext4-without-d_type": { size: "64M", make: ["mkfs.ext4", "-q", "-O", "^filetype", "-E", "nodiscard"] },
  xfs: { size: "320M", make: ["mkfs.xfs", "-q", "-K"] },
  btrfs: { size: "256M", make: ["mkfs.btrfs", "-q", "-K"] },
};

/** What making a file system of this kind needs of the machine, for `requires`. */
export function fileSystem(kind: FileSystemKind): Requirement {
  const [maker] = KINDS[kind].make;
  if (maker === undefined) return root() ?? mounting();
  return machineRoot() ?? mounting() ?? program(maker) ?? loopDevice();
}

/** Root of the machine and not only of a user namespace, for `requires`: to make devices and `trusted.*` attributes. */
export function machineRoot(): Requirement {
  const everybody = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
  return root() ?? (everybody ? null : "it needs root outside of a user namespace");
}

/** The kernel's overlayfs, for `requires`. */
export function overlay(): Requirement {
  const missing = root() ?? mounting();
  if (missing !== null) return missing;
  return /\toverlay$/m.test(readFileSync("/proc/filesystems", "utf8")) ? null : "the kernel has no overlayfs";
}

/**
 * Makes and mounts a file system below the temporary directory. Its loop device clears itself when the last mount goes
 * (autoclear), and its backing file has no name, so a killed test leaves an empty directory at most. `size` such as
 * "512M" or "40G"; the file takes what is written to it.
 */
export function makeFileSystem(kind: FileSystemKind, form: FileSystemForm = {}): TestFileSystem {
  const parent = mkdtempSync(join(tmpdir(), `layerfs-${kind}-`));
  const directory = join(parent, "mnt");
  try {
    mkdirSync(directory);
    mountNew(kind, form, parent, directory);
  } catch (error) {
    rmSync(parent, { recursive: true });
    throw error;
  }
  const dispose = () => {
    run("umount", [directory]);
    rmdirSync(directory);
    rmdirSync(parent);
  };
  return { kind, directory, [Symbol.dispose]: dispose };
}

function mountNew(kind: FileSystemKind, form: FileSystemForm, parent: string, directory: string): void {
  const { size, make } = { ...KINDS[kind], ...form };
  const [maker, ...options] = [...make, ...(form.options ?? [])];
  if (maker === undefined) {
    run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory]);
    return;
  }
  const image = join(parent, "image");
  writeFileSync(image, "");
  truncateSync(image, bytes(size));
  try {
    run(maker, [...options, image]);
    run("mount", ["-o", "loop", image, directory]);
  } finally {
    unlinkSync(image);
  }
}

function loopDevice(): Requirement {
  return spawnSync("losetup", ["--find"]).status === 0 ? null : "there is no free loop device";
}

function bytes(size: string): number {
  return Number.parseInt(size, 10) * 1024 ** (size.endsWith("G") ? 3 : 2);
}

function run(command: string, words: readonly string[]): void {
  const result = spawnSync(command, words, { encoding: "utf8" });
  if (result.status !== 0) {
    throw new Error(`${command} ${words.join(" ")}: ${result.error?.message ?? result.stderr.trim()}`);
  }
}
