import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { fsyncDirectory } from "../sys/durable.ts";
import { fromNodeError } from "../sys/errno.ts";
import { type Lock, lockDescriptor, tryLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import type { LayerLayout } from "./layout.ts";
import { readNames } from "./records.ts";

/**
 * Names what a running operation needs or makes. It is a file that its owner keeps locked: while the lock is held,
 * nobody removes those layers; once it is free, its owner has ended, and what it left unfinished can be cleaned up.
 */
export interface LeaseRecord {
  readonly id: string;
  readonly pid: number;
  readonly reason: string;
  /** Layers in use by the operation, whether they are there already or not. */
  readonly chainIDs: readonly Digest[];
  /** Those of them that the operation makes itself; nobody else makes them meanwhile. */
  readonly making: readonly Digest[];
  /** Driver ids that the operation makes. */
  readonly cacheIDs: readonly string[];
}

export interface Lease extends LeaseRecord, Disposable {
  /** Where the operation puts records that are not visible yet. */
  readonly workName: string;
}

const SUFFIX = ".json";

/** Durable, and locked before it is visible. The caller holds the store's exclusive lock. */
export function createLease(layout: LayerLayout, wanted: Omit<LeaseRecord, "id" | "pid">): Lease {
  makeDirectories(layout.leases, 0o700);
  const record: LeaseRecord = { id: randomBytes(16).toString("hex"), pid: process.pid, ...wanted };
  const path = join(layout.leases, record.id + SUFFIX);
  const fd = openSync(`${path}.new`, "wx", 0o600);
  try {
    lockDescriptor(fd);
    writeFileSync(fd, JSON.stringify(record));
    fsyncSync(fd);
    renameSync(`${path}.new`, path);
    fsyncDirectory(layout.leases);
  } catch (error) {
    for (const name of [`${path}.new`, path]) removeIfThere(name);
    closeSync(fd);
    throw fromNodeError(error, "write", path);
  }
  return {
    ...record,
    workName: `write-set-${record.id}`,
    [Symbol.dispose]: () => {
      unlinkSync(path);
      closeSync(fd);
    },
  };
}

/** A lease whose owner has ended. `discard` removes it once what it left is cleaned up. */
export interface StaleLease extends LeaseRecord {
  readonly workName: string;
  discard(): void;
}

export interface Leases {
  readonly live: readonly LeaseRecord[];
  readonly stale: readonly StaleLease[];
}

/** The caller holds the store's exclusive lock, so that no lease comes or is cleaned up meanwhile. */
export function readLeases(layout: LayerLayout): Leases {
  const live: LeaseRecord[] = [];
  const stale: StaleLease[] = [];
  for (const name of readNames(layout.leases)) {
    const path = join(layout.leases, name);
    const lock = lockIfThere(path);
    if (lock === "gone") continue;
    const record = name.endsWith(SUFFIX) ? readLease(path) : null;
    if (lock === null) {
      if (record !== null) live.push(record);
      continue;
    }
    lock.release();
    if (record === null) removeIfThere(path);
    else stale.push({ ...record, workName: `write-set-${record.id}`, discard: () => removeIfThere(path) });
  }
  return { live, stale };
}

/** The leases as they are written down, of owners that live or not; needs no lock and takes none. */
export function listLeases(layout: LayerLayout): LeaseRecord[] {
  const names = readNames(layout.leases).filter((name) => name.endsWith(SUFFIX));
  return names.flatMap((name) => readLease(join(layout.leases, name)) ?? []);
}

function readLease(path: string): LeaseRecord | null {
  const text = readIfThere(path);
  if (text === null) return null;
  const { id, pid, reason, chainIDs, making, cacheIDs } = JSON.parse(text) as LeaseRecord;
  return { id, pid, reason, chainIDs: chainIDs.map(parseDigest), making: making.map(parseDigest), cacheIDs };
}

/** null: its owner lives. Owners remove their leases at any time. */
function lockIfThere(path: string): Lock | null | "gone" {
  try {
    return tryLock(path, "exclusive");
  } catch (error) {
    if (error instanceof LayerfsError && error.errno === "ENOENT") return "gone";
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
