import { chainIDs } from "../../core/chain-id.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError } from "../../core/errors.ts";
import { listImageIDs, readImageConfig } from "../../image/image-db.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { seesTrustedXattrs } from "../../sys/xattr.ts";
import { findStores } from "../docker-root.ts";
import { layerUsers } from "../explain/explain.ts";
import type { Stores } from "../stores.ts";
import { type Finding, type Findings, findings } from "./findings.ts";
import { checkContainers, checkNames, checkUnreferenced } from "./references.ts";
import { checkStack, type StackCheck } from "./stack.ts";

export interface CheckOptions {
  /** Contents of files are not read. */
  readonly quick?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckResult {
  /** How many images and layers were looked at. */
  readonly images: number;
  readonly layers: number;
  /** What could not be looked at, and why, one sentence each without a full stop. */
  readonly unseen: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * Names all that is wrong with images, or with the whole data root where none are given, and changes nothing: records,
 * the driver's directories, and each file by the headers that the layer's tar-split has. Fails as `resolveImage`; what is
 * damaged is no failure.
 */
export async function checkImages(
  reading: () => Promise<Stores>,
  names: readonly string[],
  options: CheckOptions,
): Promise<CheckResult> {
  if (names.length === 0) return checkRoot(await reading(), options);
  const results: CheckResult[] = [];
  const byRoot = new Map<string, { readonly stores: Stores; readonly ids: Set<Digest> }>();
  for (const text of names) {
    const { stores, name } = await findStores(text, reading);
    const { id } = resolveImage(stores.images, name);
    const known = byRoot.get(stores.root);
    if (known === undefined) byRoot.set(stores.root, { stores, ids: new Set([id]) });
    else known.ids.add(id);
  }
  for (const { stores, ids } of byRoot.values()) {
    const check = begin(stores, options);
    for (const id of ids) await checkImage(check, id);
    results.push(resultOf(check, ids.size));
  }
  return {
    images: results.reduce((sum, { images }) => sum + images, 0),
    layers: results.reduce((sum, { layers }) => sum + layers, 0),
    unseen: [...new Set(results.flatMap(({ unseen }) => unseen))],
    findings: results.flatMap((result) => result.findings),
  };
}

async function checkRoot(stores: Stores, options: CheckOptions): Promise<CheckResult> {
  const check = begin(stores, options);
  const ids = listImageIDs(stores.images);
  checkNames(stores, new Set(ids), check.findings);
  const chains: (readonly Digest[] | null)[] = [];
  for (const id of ids) chains.push(await checkImage(check, id));
  for (const chain of checkContainers(stores, check.findings)) {
    if (chain !== null) await checkStack(check, chain);
    chains.push(chain);
  }
  // What a damaged config or container needs is not known.
  if (!chains.includes(null))
    await checkUnreferenced(stores, new Set(chains.flatMap((chain) => chain ?? [])), check.findings);
  return resultOf(check, ids.length);
}

function begin(stores: Stores, { quick = false, signal }: CheckOptions): StackCheck {
  let users: ReadonlyMap<Digest, readonly string[]> | undefined;
  const usersOf = (chainID: Digest): readonly string[] => {
    users ??= namesByLayer(stores);
    return users.get(chainID) ?? [];
  };
  return { stores, findings: findings(usersOf), checked: new Set(), quick, seesTrusted: seesTrustedXattrs(), signal };
}

const UNSEEN =
  "trusted. attributes and marks of opaque directories were not compared: reading them takes CAP_SYS_ADMIN, as root has it";

/** Returns the chainIDs of its layers, null where they are not known. An image that is removed meanwhile is as none. */
async function checkImage(check: StackCheck, id: Digest): Promise<Digest[] | null> {
  const { stores, findings: found } = check;
  const before = found.list.length;
  const chain = found.attempt(() => layersOf(stores, id), {}, namesOf(stores, id, found));
  if (chain !== null) await checkStack(check, chain);
  const isThere = listImageIDs(stores.images).includes(id);
  if (!isThere) found.forget(before);
  return isThere ? chain : [];
}

function layersOf({ images }: Stores, id: Digest): Digest[] {
  return chainIDs(readImageConfig(images, id)?.rootfs.diffIDs ?? []);
}

function namesOf({ images }: Stores, id: Digest, found: Findings): string[] {
  const names = found.attempt(() => tagsOf(readRepositories(images), id).map(({ name }) => name)) ?? [];
  return names.length > 0 ? names : [id];
}

function namesByLayer(stores: Stores): ReadonlyMap<Digest, readonly string[]> {
  try {
    return layerUsers(stores, null);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return new Map();
    throw error;
  }
}

function resultOf({ findings: found, checked, seesTrusted }: StackCheck, images: number): CheckResult {
  return { images, layers: checked.size, unseen: seesTrusted ? [] : [UNSEEN], findings: found.list };
}
