import { isApkFile, readApk } from "./apk.ts";
import { isDpkgFile, readDpkg } from "./dpkg.ts";
import { isNpmFile, readNpm } from "./npm.ts";
import type { InstalledPackage, PackageReader } from "./package.ts";

export interface PackageChange {
  readonly manager: InstalledPackage["manager"];
  readonly name: string;
  readonly architecture: string | null;
  readonly path: Buffer | null;
  /** Versions; null where the image does not have it. */
  readonly before: string | null;
  readonly after: string | null;
}

/** What reads the packages that a file of an image tells of; null for a file that tells of none. */
export function packageReader(path: string): PackageReader | null {
  if (isDpkgFile(path)) return readDpkg;
  if (isApkFile(path)) return readApk;
  return isNpmFile(path) ? readNpm : null;
}

/** Sorted by manager, name and place. */
export function comparePackages(
  before: readonly InstalledPackage[],
  after: readonly InstalledPackage[],
): PackageChange[] {
  const [old, young] = [byKey(before), byKey(after)];
  return [...new Set([...old.keys(), ...young.keys()])].sort().flatMap((key) => {
    const [one, other] = [old.get(key), young.get(key)];
    const either = one ?? other;
    if (either === undefined || one?.version === other?.version) return [];
    const { manager, name, architecture, path } = either;
    return [{ manager, name, architecture, path, before: one?.version ?? null, after: other?.version ?? null }];
  });
}

function byKey(packages: readonly InstalledPackage[]): Map<string, InstalledPackage> {
  return new Map(
    packages.map((each): [string, InstalledPackage] => {
      const { manager, name, architecture, path } = each;
      return [[manager, name, architecture ?? "", path?.toString("latin1") ?? ""].join("\0"), each];
    }),
  );
}
