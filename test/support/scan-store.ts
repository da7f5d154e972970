import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * What is wrong with a data root, one sentence each; none means that every record, directory and mount in it is used
 * and whole. Written against the description of Docker's layout alone: it shares no code with layerfs.
 */
export function scanStore(root: string, driver: "overlay2" | "vfs"): string[] {
  const db = join(root, "image", driver);
  const ids = names(join(db, "imagedb/content/sha256"));
  const used = new Set<string>();
  const found: string[] = [];
  for (const id of ids) {
    const bytes = readFileSync(join(db, "imagedb/content/sha256", id));
    if (sha256(bytes) !== id) found.push(`image ${id}: its config has another digest`);
    for (const chainID of chainIDs(JSON.parse(bytes.toString()).rootfs.diff_ids)) {
      used.add(chainID);
      if (!existsSync(join(db, "layerdb/sha256", chainID))) found.push(`image ${id}: layer ${chainID} is missing`);
    }
  }
  found.push(...scanNames(db, new Set(ids)), ...scanLayers(db, used));
  const containers = scanContainers(root, db);
  found.push(...containers.found);
  const layers = [...used].map((chainID) => read(join(db, "layerdb/sha256", chainID, "cache-id")));
  const cacheIDs = new Set([...layers, ...containers.layers]);
  found.push(...(driver === "overlay2" ? scanOverlay(root, cacheIDs) : scanVfs(root, cacheIDs)));
  for (const place of ["layerfs/leases", "layerfs/mounts", "layerfs/mnt", "layerfs/tmp"]) {
    for (const name of names(join(root, place))) found.push(`${place}/${name} is left over`);
  }
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  found.push(...mounts.filter((line) => line.split(" ")[1]?.startsWith(`${root}/`)).map((line) => `mounted: ${line}`));
  return found;
}

function scanNames(db: string, ids: ReadonlySet<string>): string[] {
  const path = join(db, "repositories.json");
  if (!existsSync(path)) return [];
  const repositories: Record<string, Record<string, string>> = JSON.parse(readFileSync(path, "utf8")).Repositories;
  return Object.values(repositories)
    .flatMap((tags) => Object.entries(tags))
    .filter(([, id]) => !ids.has(id.slice("sha256:".length)))
    .map(([name, id]) => `${name} names ${id}, which is not there`);
}

function scanLayers(db: string, used: ReadonlySet<string>): string[] {
  const found = names(join(db, "layerdb/tmp")).map((name) => `layerdb/tmp/${name} is left over`);
  for (const name of names(join(db, "layerdb/sha256"))) {
    if (!used.has(name)) found.push(`layer record ${name} is used by no image`);
    const files = new Set(names(join(db, "layerdb/sha256", name)));
    for (const file of ["cache-id", "diff", "size", "tar-split.json.gz"]) {
      if (!files.has(file)) found.push(`layer record ${name} has no ${file}`);
    }
  }
  return found;
}

/** Each container has a record of its layers, and the reverse, and both are whole; `layers` are the driver's ids of them. */
function scanContainers(root: string, db: string): { readonly found: string[]; readonly layers: string[] } {
  const [ids, records] = [names(join(root, "containers")), names(join(db, "layerdb/mounts"))];
  const found = [
    ...ids.filter((id) => !records.includes(id)).map((id) => `container ${id} has no record of its layers`),
    ...records.filter((id) => !ids.includes(id)).map((id) => `layerdb/mounts/${id} is the record of no container`),
  ];
  const volumes = new Set<string>();
  for (const id of ids) {
    const document = JSON.parse(read(join(root, "containers", id, "config.v2.json")) || "null");
    if (document?.ID !== id || read(join(root, "containers", id, "hostconfig.json")) === "")
      found.push(`container ${id}: its record is damaged`);
    for (const { Name } of Object.values<{ Name: string }>(document?.MountPoints ?? {})) volumes.add(Name);
    const parent = read(join(db, "layerdb/mounts", id, "parent")).slice("sha256:".length);
    if (!existsSync(join(db, "layerdb/sha256", parent))) found.push(`container ${id}: layer ${parent} is missing`);
  }
  const unused = names(join(root, "volumes")).filter((name) => /^[0-9a-f]{64}$/.test(name) && !volumes.has(name));
  found.push(...unused.map((name) => `volume ${name} is of no container`));
  const layers = records.flatMap((id) =>
    ["mount-id", "init-id"].map((field) => read(join(db, "layerdb/mounts", id, field))),
  );
  return { found, layers };
}

function scanOverlay(root: string, cacheIDs: ReadonlySet<string>): string[] {
  const home = join(root, "overlay2");
  const found = unexpected(
    names(home).filter((name) => name !== "l" && name !== "backingFsBlockDev"),
    cacheIDs,
    "overlay2",
  );
  const links = new Map(
    names(join(home, "l")).map((link) => [link, basename(join(readlinkSync(join(home, "l", link)), ".."))]),
  );
  for (const [link, id] of links)
    if (!cacheIDs.has(id)) found.push(`overlay2/l/${link} leads to ${id}, which is not there`);
  for (const id of cacheIDs) {
    if (links.get(read(join(home, id, "link"))) !== id) found.push(`overlay2/${id} has no link in l/`);
  }
  return found;
}

function scanVfs(root: string, cacheIDs: ReadonlySet<string>): string[] {
  return unexpected(names(join(root, "vfs/dir")), cacheIDs, "vfs/dir");
}

function unexpected(present: readonly string[], wanted: ReadonlySet<string>, where: string): string[] {
  const missing = [...wanted].filter((id) => !present.includes(id)).map((id) => `${where}/${id} is missing`);
  return [...missing, ...present.filter((id) => !wanted.has(id)).map((id) => `${where}/${id} belongs to no layer`)];
}

function chainIDs(diffIDs: readonly string[]): string[] {
  let above = "";
  return diffIDs.map((diffID) => {
    above = above === "" ? diffID : `sha256:${sha256(Buffer.from(`${above} ${diffID}`))}`;
    return above.slice("sha256:".length);
  });
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function names(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
