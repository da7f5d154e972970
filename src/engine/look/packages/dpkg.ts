import type { InstalledPackage } from "./package.ts";
import { readStanzas } from "./stanzas.ts";

/** The database of dpkg, and the files that distroless images have in its place. */
export function isDpkgFile(path: string): boolean {
  if (path === "var/lib/dpkg/status") return true;
  return /^var\/lib\/dpkg\/status\.d\/[^/]+$/.test(path) && !/\.(md5sums|list)$/.test(path);
}

/** Source: deb-control(5); a file in status.d has no Status, and what it tells of is installed. */
export async function readDpkg(_path: string, content: AsyncIterable<Buffer>): Promise<InstalledPackage[]> {
  const packages: InstalledPackage[] = [];
  for await (const stanza of readStanzas(content, ["Package", "Version", "Architecture", "Status"])) {
    const [name, version] = [stanza.get("Package"), stanza.get("Version")];
    const status = stanza.get("Status") ?? "installed";
    if (name === undefined || version === undefined || !/\binstalled$/.test(status)) continue;
    const architecture = stanza.get("Architecture") ?? null;
    packages.push({ manager: "dpkg", name, version, architecture, path: null });
  }
  return packages;
}
