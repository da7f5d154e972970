import { createHash } from "node:crypto";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { type Digest, parseDigest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { layerDirectory } from "../../layer/layout.ts";
import { type LayerRecord, RECORD_FILES, readLayerRecord } from "../../layer/records.ts";
import { fileChecksum, openStoredTar } from "../../layer/stored-tar.ts";
import { placeOf } from "../../layer/whole.ts";
import { close } from "../../sys/file.ts";
import { openPlainDirectory } from "../../sys/plain-path.ts";
import { nameKey } from "../../union/entry-path.ts";
import { placeOfLayer } from "../explain/explain.ts";
import type { Stores } from "../stores.ts";
import type { Findings, NewFinding } from "./findings.ts";
import { type LayerFacts, readFacts, type StackFacts } from "./layer-facts.ts";
import { checkTree } from "./tree.ts";

/** What all stacks of one check share. */
export interface StackCheck {
  readonly stores: Stores;
  readonly findings: Findings;
  /** Layers that are done. */
  readonly checked: Set<Digest>;
  readonly quick: boolean;
  /** See `TreeCheck`. */
  readonly seesTrusted: boolean;
  readonly signal: AbortSignal | undefined;
}

const RELOAD = "load or pull the image again, which makes the layer anew";
const REMOVE_FIRST = "remove the images that use this layer and load them again";

/**
 * Checks the layers of a stack, lowest first. What stands on a layer whose record is gone, or whose tar-split is damaged,
 * is not compared with headers: what lies below it is not known. Its contents are checked all the same.
 */
export async function checkStack(check: StackCheck, chainIDs: readonly Digest[]): Promise<void> {
  const { checked, findings, stores } = check;
  if (chainIDs.every((chainID) => checked.has(chainID))) return;
  const records = chainIDs.map((chainID) => readRecord(check, chainID));
  const lacking = records.indexOf(null);
  const known = records.slice(0, lacking === -1 ? undefined : lacking).filter((record) => record !== null);
  for (const record of records) {
    if (record === null || checked.has(record.chainID)) continue;
    const problems: string[] = [];
    placeOfLayer(stores, record, problems);
    const { chainID, diffID } = record;
    for (const what of problems) findings.add({ what, chainID, diffID, hint: RELOAD });
  }
  const damaged = new DamagedPaths();
  await checkHeaders(check, known, damaged);
  for (const record of records) {
    if (record === null || checked.has(record.chainID)) continue;
    if (!check.quick) await checkContent(check, record, damaged);
    checked.add(record.chainID);
  }
}

/** Paths of layers, as keys, of which something was told that keeps their content from being read. */
class DamagedPaths {
  readonly #paths = new Map<Digest, Set<string>>();

  add(chainID: Digest, path: string): void {
    const known = this.#paths.get(chainID);
    if (known === undefined) this.#paths.set(chainID, new Set([path]));
    else known.add(path);
  }

  has(chainID: Digest, path: string): boolean {
    return this.#paths.get(chainID)?.has(path) ?? false;
  }
}

function readRecord({ stores, findings }: StackCheck, chainID: Digest): LayerRecord | null {
  const { layout } = stores.layers;
  const about = { chainID, hint: RELOAD };
  return findings.attempt(() => {
    const record = readLayerRecord(layout, chainID);
    if (record !== null) return record;
    throw new LayerfsError("CORRUPT_STORE", `layer record ${layerDirectory(layout, chainID)} is missing`);
  }, about);
}

async function checkHeaders(check: StackCheck, records: readonly LayerRecord[], damaged: DamagedPaths): Promise<void> {
  const { stores, findings, quick, signal } = check;
  const { driver } = stores.layers;
  const withChecksums = driver.traits.layerForm === "full-tree" && !quick;
  const cuts: boolean[] = [];
  try {
    const facts = readFacts(
      records.map(({ tarSplit }) => tarSplit),
      { withChecksums, driver: driver.name, signal },
    );
    for await (const [layer, stack] of facts) {
      const record = records[cuts.length] as LayerRecord;
      cuts.push(layer.cutsLowers);
      if (check.checked.has(record.chainID)) continue;
      checkSize(check, record, layer);
      const place = findings.attempt(() => placeOf(stores.layers, record));
      if (place === null) continue;
      if (driver.traits.layerForm === "overlay-dir") checkLowers(check, records, cuts, place.lowers);
      await checkFiles(check, record, { layer, stack, directory: place.directory, damaged });
    }
  } catch (error) {
    const record = records[cuts.length];
    findings.addError(error, aboutLayer(record, { hint: REMOVE_FIRST }));
  }
}

function checkSize({ findings }: StackCheck, record: LayerRecord, { sizes }: LayerFacts): void {
  if (sizes.includes(record.size)) return;
  findings.add({
    ...aboutLayer(record, {}),
    ...onDisk(record.tarSplit.replace(RECORD_FILES.tarSplit, RECORD_FILES.size)),
    what: "size",
    expected: sizes.map((size) => `${size} bytes`).join(" or "),
    found: `${record.size} bytes`,
    hint: REMOVE_FIRST,
  });
}

/** A layer with an opaque root may end the list, as layerfs has it, or not, as dockerd has it. */
function checkLowers(
  { stores, findings }: StackCheck,
  records: readonly LayerRecord[],
  cuts: readonly boolean[],
  found: readonly string[],
): void {
  const index = cuts.length - 1;
  const record = records[index];
  const below = records.slice(0, index).reverse();
  const expected = findings.attempt(() => below.map((lower) => placeOf(stores.layers, lower).directory));
  if (expected === null || record === undefined) return;
  const different = found.findIndex((lower, depth) => lower !== expected[depth]);
  const mayEnd = found.length === expected.length || cuts[index - found.length] === true;
  if (different === -1 && mayEnd) return;
  const depth = different === -1 ? found.length : different;
  findings.add({
    ...aboutLayer(record, { hint: RELOAD }),
    ...onDisk(stores.layers.driver.place(record.cacheID).directory),
    what: `layer below it, number ${depth + 1} from the top`,
    expected: expected[depth] ?? "none",
    found: found[depth] ?? "none",
  });
}

interface FilesCheck {
  readonly layer: LayerFacts;
  readonly stack: StackFacts;
  readonly directory: string;
  readonly damaged: DamagedPaths;
}

async function checkFiles(check: StackCheck, record: LayerRecord, files: FilesCheck): Promise<void> {
  const { stores, findings, seesTrusted, signal } = check;
  const { layer, stack, directory, damaged } = files;
  const form = stores.layers.driver.traits.layerForm === "overlay-dir" ? "overlay-dir" : "full-tree";
  await checkTree({
    ...{ directory, form, facts: layer, stack, signal, seesTrusted, owners: !stores.ignoreOwners },
    tell(path, difference) {
      if (UNREADABLE.has(difference.what)) damaged.add(record.chainID, path);
      const bytes = Buffer.from(`/${path}`, "latin1");
      findings.add({ ...aboutLayer(record, { hint: REMOVE_FIRST }), path: bytes, ...difference });
    },
  });
}

const UNREADABLE: ReadonlySet<string> = new Set(["type", "missing", "size", "content"]);

/** Reads the layer's tar as it would be sent: its files by their checksums, all of it by the diffID. */
async function checkContent(check: StackCheck, record: LayerRecord, damaged: DamagedPaths): Promise<void> {
  const { stores, findings, signal } = check;
  const { chainID, diffID, tarSplit } = record;
  const about = aboutLayer(record, { hint: REMOVE_FIRST });
  const place = findings.attempt(() => placeOf(stores.layers, record));
  if (place === null) return;
  const hash = createHash("sha256");
  let isWhole = true;
  try {
    const tar = openStoredTar(
      { tarSplit, directory: place.directory },
      {
        reuseBuffer: true,
        damaged: {
          isKnown({ name }) {
            const isKnown = damaged.has(chainID, nameKey(name));
            isWhole &&= !isKnown;
            return isKnown;
          },
          add({ name, checksum }, error) {
            isWhole = false;
            const found = findings.attempt(() => checksumOf(place.directory, name), about);
            if (found === null) return;
            const path = Buffer.concat([SLASH, name]);
            const compared = { expected: `CRC-64 ${checksum.toString("hex")}`, found: `CRC-64 ${found}` };
            findings.add({ ...about, path, what: "content", ...compared, hint: error.hint ?? REMOVE_FIRST });
          },
        },
      },
    );
    for await (const chunk of tar) {
      throwIfCancelled(signal);
      hash.update(chunk);
    }
  } catch (error) {
    findings.addError(error, about);
    return;
  }
  const found = parseDigest(`sha256:${hash.digest("hex")}`);
  if (!isWhole || found === diffID) return;
  findings.add({ ...about, ...onDisk(tarSplit), what: "diffID of the tar that it gives", expected: diffID, found });
}

const SLASH = Buffer.from("/");

function checksumOf(directory: string, name: Buffer): string {
  const rootFd = openPlainDirectory(directory);
  try {
    return fileChecksum(rootFd, name).toString("hex");
  } finally {
    close(rootFd);
  }
}

function aboutLayer<T extends Partial<NewFinding>>(record: LayerRecord | undefined, more: T): T & Partial<NewFinding> {
  return { chainID: record?.chainID ?? null, diffID: record?.diffID ?? null, ...more };
}

function onDisk(path: string): Pick<NewFinding, "path" | "onDisk"> {
  return { path: Buffer.from(path), onDisk: true };
}
