import { createHash } from "node:crypto";
import { type Digest, parseDigest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { tarReader } from "../../tar/reader.ts";
import { type SplitRecorder, splitRecorder } from "../../tar/tar-split.ts";
import { changeset, type Effect } from "../../union/changeset.ts";
import { nameKey } from "../../union/entry-path.ts";
import type { LayerWriter } from "./layer-writer.ts";
import type { SpaceGuard } from "./space-guard.ts";

export interface AppliedTar {
  /** Digest of the tar's bytes. */
  readonly diffID: Digest;
  /** Bytes of file content in this layer; data under several hard links counts once. */
  readonly size: number;
  readonly entries: number;
}

export interface ApplyTarOptions {
  readonly space: SpaceGuard;
  /** Takes tar-split's JSON lines as they are made; the tar is read on once it has resolved. */
  readonly onSplit?: (lines: Buffer) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
  /** It is any tar and no layer: no name is a whiteout, and of equal names the last one counts. */
  readonly plain?: boolean;
  /** What to take in place of each entry; its content stays. */
  readonly change?: (entry: TarEntry) => TarEntry;
}

/** More entries than any image has; a bound on the memory that the check for duplicates takes. */
const MAX_ENTRIES = 4_000_000;

/**
 * Reads a layer's tar once and writes it: hashes it, applies each entry by the changeset rules, and records tar-split.
 * The caller still has to call `writer.finish`. Fails with INVALID_TAR, INVALID_LAYER, NO_SPACE, LIMIT_EXCEEDED,
 * CANCELLED, or what the system says; what was written by then is the caller's to remove.
 */
export async function applyTar(
  tar: AsyncIterable<Buffer>,
  writer: LayerWriter,
  options: ApplyTarOptions,
): Promise<AppliedTar> {
  const hash = createHash("sha256");
  const split = options.onSplit === undefined ? null : splitRecorder();
  const applier = new EntryApplier(writer, split, options);
  const reader = tarReader(applier);
  for await (const chunk of tar) {
    if (options.signal?.aborted) throw new LayerfsError("CANCELLED", "the layer was not finished: cancelled");
    hash.update(chunk);
    reader.write(chunk);
    if (split !== null) await options.onSplit?.(split.drain());
  }
  reader.end();
  if (split !== null) {
    split.end();
    await options.onSplit?.(split.drain());
  }
  return { diffID: parseDigest(`sha256:${hash.digest("hex")}`), size: applier.size, entries: applier.entries };
}

class EntryApplier {
  size = 0;
  entries = 0;
  readonly #writer: LayerWriter;
  readonly #split: SplitRecorder | null;
  readonly #space: SpaceGuard;
  readonly #change: ((entry: TarEntry) => TarEntry) | undefined;
  readonly #changes: { add(entry: TarEntry): Effect };

  constructor(writer: LayerWriter, split: SplitRecorder | null, { space, plain = false, change }: ApplyTarOptions) {
    this.#writer = writer;
    this.#split = split;
    this.#space = space;
    this.#change = change;
    this.#changes = changeset(writer, { duplicates: plain ? "last-wins" : "refuse", plain });
  }

  raw(bytes: Buffer): void {
    this.#split?.raw(bytes);
  }

  entry(entry: TarEntry): void {
    if (++this.entries > MAX_ENTRIES) {
      throw new LayerfsError(
        "LIMIT_EXCEEDED",
        `${printable(entry.name)}: the layer has more than ${MAX_ENTRIES} entries`,
      );
    }
    this.#space.node();
    const effect = this.#changes.add(this.#change?.(entry) ?? entry);
    const isContent = entry.kind === "file" && effect.path !== null;
    if (isContent) this.size += entry.size;
    this.#split?.entry(splitName(entry, effect), splitPayload(entry, isContent));
  }

  payload(bytes: Buffer, position: number): void {
    this.#space.bytes(bytes.length);
    this.#writer.write(bytes, position);
    this.#split?.payload(bytes);
  }

  endEntry(): void {
    this.#writer.endEntry();
    this.#split?.endEntry();
  }

  endMarker(): void {
    this.#split?.endMarker();
  }
}

/**
 * The name by which the file is found again: the entry's own, unless a symlink led somewhere else, or `..` would lead
 * dockerd there.
 */
function splitName(entry: TarEntry, effect: Effect): Buffer {
  if (effect.path === null) return entry.name;
  const isPlain = nameKey(entry.name) === effect.path && !UPWARDS.test(entry.name.toString("latin1"));
  return isPlain ? entry.name : Buffer.from(effect.path, "latin1");
}

const UPWARDS = /(^|\/)\.\.(\/|$)/;

/** Bytes that no file holds as they stand (of a whiteout, a directory, a sparse file) are kept in the records. */
function splitPayload(entry: TarEntry, isContent: boolean): "file" | "inline" | "none" {
  if (entry.payloadSize === 0) return "none";
  return isContent && entry.sparse === null ? "file" : "inline";
}
