import type { InstalledPackage } from "./package.ts";
import { readStanzas } from "./stanzas.ts";

/** The database of apk: below /lib up to version 2, below /usr/lib since. */
export function isApkFile(path: string): boolean {
  return path === "lib/apk/db/installed" || path === "usr/lib/apk/db/installed";
}

/** Source: the "installed" format of apk-tools: P name, V version, A architecture. */
export async function readApk(_path: string, content: AsyncIterable<Buffer>): Promise<InstalledPackage[]> {
  const packages: InstalledPackage[] = [];
  for await (const stanza of readStanzas(content, ["P", "V", "A"])) {
    const [name, version] = [stanza.get("P"), stanza.get("V")];
    if (name === undefined || version === undefined) continue;
    packages.push({ manager: "apk", name, version, architecture: stanza.get("A") ?? null, path: null });
  }
  return packages;
}
