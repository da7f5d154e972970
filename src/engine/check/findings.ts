import type { Digest } from "../../core/digest.ts";
import { type ErrorCode, isLayerfsError, type LayerfsError } from "../../core/errors.ts";

/** Something that is not as it should be. */
export interface Finding {
  /** `unreferenced`: nothing is wrong with it, but nothing needs it either. */
  readonly kind: "damage" | "unreferenced";
  /** Names of the images that are concerned, ids of those without a name. */
  readonly images: readonly string[];
  readonly diffID: Digest | null;
  readonly chainID: Digest | null;
  /** Bytes. A path of the layer, with a leading `/`; with `onDisk` one of this machine; null where `what` tells all. */
  readonly path: Buffer | null;
  readonly onDisk: boolean;
  /** What differs, such as `mode`; a sentence where nothing is compared. */
  readonly what: string;
  readonly expected: string | null;
  readonly found: string | null;
  /** What to do, one sentence without a full stop. */
  readonly hint: string | null;
}

export type NewFinding = Pick<Finding, "what"> & Partial<Omit<Finding, "images">>;

/** Gathers findings, each once. */
export interface Findings {
  readonly list: readonly Finding[];
  /** `images` default to those that stand on the layer. */
  add(finding: NewFinding, images?: readonly string[]): void;
  /** Runs `read`; what is damaged is added, and null is returned. Other failures are thrown. */
  attempt<T>(read: () => T, about?: Omit<NewFinding, "what">, images?: readonly string[]): T | null;
  /** Adds a failure that tells of damage; throws every other. */
  addError(error: unknown, about?: Omit<NewFinding, "what">, images?: readonly string[]): void;
  /** Forgets what was added since the list had this length. */
  forget(length: number): void;
}

const DAMAGE: ReadonlySet<ErrorCode> = new Set([
  "CORRUPT_STORE",
  "DIGEST_MISMATCH",
  "INVALID_CONFIG",
  "INVALID_DIGEST",
  "INVALID_LAYER",
  "INVALID_TAR",
]);

export function findings(users: (chainID: Digest) => readonly string[]): Findings {
  const list: Finding[] = [];
  const keys: string[] = [];
  const known = new Set<string>();
  const add: Findings["add"] = (finding, images) => {
    const { chainID = null, path = null, what, expected = null, found = null } = finding;
    // A sentence of an error names its object itself, whoever came upon it.
    const key = expected === null && found === null ? what : `${chainID} ${path?.toString("latin1")} ${what}`;
    if (known.has(key)) return;
    known.add(key);
    keys.push(key);
    list.push({
      kind: finding.kind ?? "damage",
      images: images ?? (chainID === null ? [] : users(chainID)),
      diffID: finding.diffID ?? null,
      chainID,
      path,
      onDisk: finding.onDisk ?? false,
      what,
      expected,
      found,
      hint: finding.hint ?? null,
    });
  };
  const addError: Findings["addError"] = (error, about = {}, images) => {
    if (!isDamage(error)) throw error;
    add({ hint: error.hint ?? null, ...about, what: error.message }, images);
  };
  return {
    list,
    add,
    addError,
    attempt(read, about, images) {
      try {
        return read();
      } catch (error) {
        addError(error, about, images);
        return null;
      }
    },
    forget(length) {
      list.length = length;
      for (const key of keys.splice(length)) known.delete(key);
    },
  };
}

function isDamage(error: unknown): error is LayerfsError {
  return isLayerfsError(error) && DAMAGE.has(error.code);
}
