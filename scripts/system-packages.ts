import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findProgram } from "../test/support/machine.ts";

interface SystemPackage {
  readonly name: string;
  /** The program whose presence shows that the package is there. */
  readonly program: string;
  readonly reason: string;
}

/** Debian packages without which some tests are skipped. The library and the command need none of them. */
const systemPackages: readonly SystemPackage[] = [
  { name: "e2fsprogs", program: "mkfs.ext4", reason: "stores on a fresh ext4, also a full one" },
  { name: "xfsprogs", program: "mkfs.xfs", reason: "stores on xfs: reflinks and project quotas" },
  { name: "btrfs-progs", program: "mkfs.btrfs", reason: "stores on btrfs" },
  { name: "attr", program: "getfattr", reason: "extended attributes, read by a program that is not ours" },
  { name: "zstd", program: "zstd", reason: "zstd streams written by a program that is not ours" },
  { name: "umoci", program: "umoci", reason: "unpacks the same images as we do, to compare the trees" },
  { name: "libxml2-utils", program: "xmllint", reason: "reads the pictures that explain draws" },
  { name: "docker.io", program: "dockerd", reason: "starts on a data root that we wrote, and writes one for us" },
  { name: "docker-registry", program: "docker-registry", reason: "a registry to pull from and push to" },
  { name: "apache2-utils", program: "htpasswd", reason: "that registry with names and passwords" },
  { name: "openssl", program: "openssl", reason: "that registry with TLS" },
  { name: "skopeo", program: "skopeo", reason: "pulls from and pushes to the same registry as we do" },
];

/**
 * Installs what is missing, where this is root on a Debian-like system. It never fails: a test that still misses its
 * program is skipped, and says so.
 */
export function installSystemPackages(): void {
  const missing = systemPackages.filter((wanted) => findProgram(wanted.program) === null);
  if (missing.length === 0) return;
  const list = missing.map((wanted) => `  ${wanted.name} (${wanted.reason})\n`).join("");
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    process.stdout.write(`Some tests will be skipped; these Debian packages would let them run:\n${list}`);
    return;
  }
  process.stdout.write(`Installing Debian packages for the tests:\n${list}`);
  aptGet("update");
  const names = missing.map((wanted) => wanted.name);
  if (install(names)) return;
  for (const name of names) if (!install([name])) process.stdout.write(`${name} could not be installed\n`);
}

function install(names: readonly string[]): boolean {
  return aptGet("install", "--yes", "--no-install-recommends", ...names);
}

function aptGet(...words: readonly string[]): boolean {
  const patience = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=2", "-o", "DPkg::Lock::Timeout=120"];
  const result = spawnSync("apt-get", ["-qq", ...patience, ...words], {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    maxBuffer: 64 << 20,
  });
  if (result.status === 0) return true;
  const lastLines = `${result.stderr ?? ""}`.trim().split("\n").slice(-5).join("\n");
  process.stdout.write(`apt-get ${words[0]} failed: ${result.error?.message ?? lastLines}\n`);
  return false;
}
