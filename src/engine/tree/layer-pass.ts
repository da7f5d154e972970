import { crc32 } from "node:zlib";
import { throwIfCancelled } from "../../core/cancellation.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { type TarHandler, tarReader } from "../../tar/reader.ts";
import type { LayerEntry } from "../../view/merged-tree.ts";
import type { IndexedEntry } from "./layer-index/entry-codec.ts";
import { zeros } from "./zeros.ts";

/** An entry that a pass over a layer has come to. */
export interface PassedEntry extends LayerEntry {
  /**
   * The bytes of a wanted file, holes as zeros; null for what was not wanted. To be read before the next entry is asked
   * for: what is left then is passed over. A chunk is valid until the next one is asked for.
   */
  readonly content: AsyncIterable<Buffer> | null;
}

/** Tells of which files a pass is to give the bytes. Only asked for files. */
export type Wants = (entry: TarEntry, storedName: Buffer) => boolean;

/** Gives an entry the name under which its bytes are found. */
export type NameEntry = (entry: TarEntry) => Buffer;

const NO_BYTES = Buffer.alloc(0);

/** Is told of each entry when its payload has passed. */
export interface EntryObserver {
  entry(entry: IndexedEntry): void;
}

/**
 * The entries of a tar in their order, each file's bytes with it if they are wanted; one pass, one chunk in memory. The
 * chunks of `tar` need be valid only until the next one is asked for.
 */
export async function* passTar(
  tar: AsyncIterable<Buffer>,
  nameEntry: NameEntry,
  wants: Wants,
  signal: AbortSignal | undefined,
  observer?: EntryObserver,
): AsyncGenerator<PassedEntry> {
  const events = new Events(nameEntry, wants, observer);
  const reader = tarReader(events);
  const chunks = tar[Symbol.asyncIterator]();
  let isDone = false;
  const next = async (): Promise<Event | undefined> => {
    for (;;) {
      const event = events.take();
      if (event !== undefined || isDone) return event;
      throwIfCancelled(signal);
      const chunk = await chunks.next();
      if (chunk.done === true) {
        isDone = true;
        reader.end();
      } else reader.write(chunk.value);
    }
  };
  try {
    for (let event = await next(); event !== undefined; event = await next()) {
      if (event.kind !== "entry") continue;
      const { entry, storedName, isWanted } = event;
      yield { entry, storedName, content: isWanted ? contentFrom(next, signal) : null };
    }
  } finally {
    await chunks.return?.();
  }
}

/** Tells `observer` of all entries of a tar, whose files' bytes nobody wants. */
export async function indexTar(
  tar: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
  observer: EntryObserver,
): Promise<void> {
  const reader = tarReader(new EntryMeter(observer));
  for await (const chunk of tar) {
    throwIfCancelled(signal);
    reader.write(chunk);
  }
  reader.end();
}

type Event =
  | { readonly kind: "entry"; readonly entry: TarEntry; readonly storedName: Buffer; readonly isWanted: boolean }
  | { readonly kind: "bytes"; readonly hole: number; readonly bytes: Buffer }
  | { readonly kind: "end" };

/** Bytes up to the end of the file. A second call goes on where the first one ended. */
async function* contentFrom(
  next: () => Promise<Event | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  for (let event = await next(); event?.kind === "bytes"; event = await next()) {
    if (event.hole > 0) yield* zeros(event.hole, signal);
    if (event.bytes.length > 0) yield event.bytes;
  }
}

/** Tells an observer of each entry, with where its payload is and the checksum of it. */
class EntryMeter implements TarHandler {
  readonly #observer: EntryObserver;
  #entry: TarEntry | null = null;
  /** Offset in the tar of what comes next. */
  #offset = 0;
  #payloadOffset = 0;
  #checksum = 0;

  constructor(observer: EntryObserver) {
    this.#observer = observer;
  }

  raw(bytes: Buffer): void {
    this.#offset += bytes.length;
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.#payloadOffset = this.#offset;
    this.#checksum = 0;
  }

  payload(bytes: Buffer): void {
    this.#offset += bytes.length;
    this.#checksum = crc32(bytes, this.#checksum);
  }

  endEntry(): void {
    const entry = this.#entry as TarEntry;
    this.#observer.entry({ entry, payloadOffset: this.#payloadOffset, checksum: this.#checksum });
  }
}

class Events implements TarHandler {
  readonly #nameEntry: NameEntry;
  readonly #wants: Wants;
  readonly #meter: EntryMeter | null;
  #queue: Event[] = [];
  #at = 0;
  #entry: TarEntry | null = null;
  #isWanted = false;
  #end = 0;

  constructor(nameEntry: NameEntry, wants: Wants, observer: EntryObserver | undefined) {
    this.#nameEntry = nameEntry;
    this.#wants = wants;
    this.#meter = observer === undefined ? null : new EntryMeter(observer);
  }

  take(): Event | undefined {
    const event = this.#queue[this.#at++];
    if (event === undefined) {
      this.#queue = [];
      this.#at = 0;
    }
    return event;
  }

  raw(bytes: Buffer): void {
    this.#meter?.raw(bytes);
  }

  entry(entry: TarEntry): void {
    this.#meter?.entry(entry);
    const storedName = this.#nameEntry(entry);
    this.#isWanted = entry.kind === "file" && this.#wants(entry, storedName);
    this.#entry = entry;
    this.#end = 0;
    this.#queue.push({ kind: "entry", entry, storedName, isWanted: this.#isWanted });
  }

  payload(bytes: Buffer, position: number): void {
    this.#meter?.payload(bytes);
    if (!this.#isWanted) return;
    this.#queue.push({ kind: "bytes", hole: position - this.#end, bytes });
    this.#end = position + bytes.length;
  }

  endEntry(): void {
    this.#meter?.endEntry();
    if (!this.#isWanted) return;
    const { size } = this.#entry as TarEntry;
    this.#queue.push({ kind: "bytes", hole: size - this.#end, bytes: NO_BYTES }, { kind: "end" });
  }
}
