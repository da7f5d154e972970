import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const MAX_SHOWN = 700;

/** Each path below `root` with one line that says what stands there; hard links name all their group. */
export function describeTree(root: string): Record<string, string> {
  const lines = new Map<string, string>();
  const groups = new Map<string, string[]>();
  const walk = (directory: string, prefix: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const path = `${directory}/${name}`;
      const key = prefix + name;
      const stat = lstatSync(path, { bigint: true });
      lines.set(key, describeNode(path, stat));
      if (stat.isDirectory()) walk(path, `${key}/`);
      else if (stat.nlink > 1n)
        groups.set(`${stat.dev}:${stat.ino}`, [...(groups.get(`${stat.dev}:${stat.ino}`) ?? []), key]);
    }
  };
  walk(root, "");
  for (const names of groups.values()) {
    if (names.length > 1) for (const name of names) lines.set(name, `${lines.get(name)} = ${names.join(" ")}`);
  }
  return Object.fromEntries(lines);
}

function describeNode(path: string, stat: ReturnType<typeof lstatSync> & { size: bigint }): string {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return `symlink -> ${readlinkSync(path)}`;
  if (!stat.isFile()) return "special";
  return stat.size > MAX_SHOWN ? `file ${stat.size} bytes` : `file "${readFileSync(path, "latin1")}"`;
}
