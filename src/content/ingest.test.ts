import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openFiles } from "../../test/support/open-files.ts";
import { randomBytesOf } from "../../test/support/random.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { Descriptor } from "../core/descriptor.ts";
import { digestOf } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { acquireLock } from "../sys/lock.ts";
import { blobName, holdBlob } from "./hold-blob.ts";
import { type IngestOptions, ingestBlob, SYNC_EVERY } from "./ingest.ts";
import { sweepBlobs } from "./sweep.ts";

const MIB = 1024 * 1024;
const bytes = randomBytesOf("blob", 9 * MIB + 123);
const descriptor = descriptorOf(bytes);

describe("a blob on its way in", () => {
  it("is fetched whole, and removed by the one who needs it no more", async () => {
    const directory = scratchDirectory();
    const seen = source(bytes);
    const blob = await fetchAll(directory, seen.options);
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    expect(seen.offsets).toEqual([0]);
    await blob.release({ keep: false });
    expect(readdirSync(directory)).toEqual(["lock"]);
  });

  it("goes on where it was broken off", async () => {
    const directory = scratchDirectory();
    await expect(fetchAll(directory, source(bytes, { breakAt: 5 * MIB }).options)).rejects.toThrow("cut off");
    const seen = source(bytes);
    const blob = await fetchAll(directory, seen.options);
    expect(seen.offsets).toEqual([5 * MIB]);
    expect(seen.counted).toEqual({ disk: 5 * MIB, network: bytes.length - 5 * MIB });
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    await blob.release({ keep: false });
  });

  it("goes on where it was durable after a restart of the machine", async () => {
    const directory = scratchDirectory();
    await expect(fetchAll(directory, source(bytes, { breakAt: 7 * MIB }).options)).rejects.toThrow("cut off");
    const durable = forgetBoot(directory);
    expect(durable).toBeGreaterThanOrEqual(7 * MIB - 2 * SYNC_EVERY - 65536);
    // What was not synced may be anything.
    writeFileSync(path(directory), Buffer.concat([bytes.subarray(0, durable), Buffer.alloc(3 * MIB)]));
    const seen = source(bytes);
    const blob = await fetchAll(directory, seen.options);
    expect(seen.offsets).toEqual([durable]);
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    await blob.release({ keep: false });
  });

  it.each([
    ["is damaged", (directory: string) => writeFileSync(`${path(directory)}.state`, "nonsense")],
    ["is empty", (directory: string) => truncateSync(`${path(directory)}.state`)],
  ])("begins anew where the note of what is durable %s", async (_, damage) => {
    const directory = scratchDirectory();
    await expect(fetchAll(directory, source(bytes, { breakAt: MIB }).options)).rejects.toThrow("cut off");
    damage(directory);
    const seen = source(bytes);
    await (await fetchAll(directory, seen.options)).release({ keep: false });
    expect(seen.offsets).toEqual([0]);
  });

  it("is fetched once by two who need it at the same time, and stays until both are done", async () => {
    const directory = scratchDirectory();
    const seen = source(bytes, { slow: true });
    const [first, second] = await Promise.all([fetchAll(directory, seen.options), fetchAll(directory, seen.options)]);
    expect(seen.offsets).toEqual([0]);
    await first.release({ keep: false });
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    await second.release({ keep: false });
    expect(existsSync(path(directory))).toBe(false);
  });

  it("is taken up by the one who waits when the one who fetches gives up", async () => {
    const directory = scratchDirectory();
    const failing = fetchAll(directory, source(bytes, { slow: true, breakAt: 2 * MIB }).options);
    await sleep(5);
    const seen = source(bytes);
    const waiting = fetchAll(directory, seen.options);
    await expect(failing).rejects.toThrow("cut off");
    await (await waiting).release({ keep: false });
    expect(seen.offsets).toEqual([2 * MIB]);
  });

  it.each([
    ["more", Buffer.concat([bytes, Buffer.alloc(1)]), /expected \d+ bytes, found at least/],
    ["fewer", bytes.subarray(1), /expected \d+ bytes, found \d+$/],
  ])("is refused where %s bytes come than its descriptor says", async (_, given, message) => {
    await expect(fetchAll(scratchDirectory(), source(given).options)).rejects.toThrow(message);
  });

  it("is refused, by name, where the disk has no room", async () => {
    const beforeWriting = (): void => {
      throw new LayerfsError("NO_SPACE", "the disk is full");
    };
    const options = { ...source(bytes).options, beforeWriting };
    const failure = fetchAll(scratchDirectory(), options);
    await expect(failure).rejects.toMatchObject({
      code: "NO_SPACE",
      message: `blob ${descriptor.digest}: the disk is full`,
    });
  });

  it("is kept without waiting for whoever is at the directory", async () => {
    const directory = scratchDirectory();
    const blob = await fetchAll(directory, source(bytes).options);
    using _other = await acquireLock(join(directory, "lock"), "exclusive");
    await blob.release({ keep: true });
    expect(openBelow(directory)).toEqual(["lock"]);
  });

  it("leaves nothing open where it cannot be removed", async () => {
    const directory = scratchDirectory();
    const blob = await fetchAll(directory, source(bytes).options);
    rmSync(directory, { recursive: true });
    await expect(blob.release({ keep: false })).rejects.toMatchObject({ errno: "ENOENT" });
    expect(openBelow(directory)).toEqual([]);
  });

  it("leaves nothing open where it cannot be held", async () => {
    const directory = scratchDirectory();
    mkdirSync(path(directory));
    await expect(holdBlob(directory, descriptor)).rejects.toMatchObject({ errno: "EISDIR" });
    expect(openBelow(directory)).toEqual([]);
  });

  it("gives way where its bytes are wrong, also to those who wait for it", async () => {
    const directory = scratchDirectory();
    const wrong = await fetchAll(directory, source(Buffer.alloc(bytes.length)).options);
    const other = await holdBlob(directory, descriptor);
    await wrong.discard();
    await other.discard();
    const seen = source(bytes);
    const right = await fetchAll(directory, seen.options);
    await other.discard();
    expect(seen.offsets).toEqual([0]);
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    for (const blob of [wrong, other, right]) await blob.release({ keep: false });
    expect(readdirSync(directory)).toEqual(["lock"]);
  });

  it("loses nothing that was written when the process is killed, at any moment", { timeout: 60_000 }, async () => {
    const directory = scratchDirectory();
    let there = 0;
    for (let kill = 0; kill < 5 && there < bytes.length; kill++) {
      const child = spawn(process.execPath, [ingester, directory, descriptor.digest, String(bytes.length)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let told = 0;
      child.stdout.on("data", (text: Buffer) => {
        told = Number(text.toString().trim().split("\n").at(-1));
        if (told > there + MIB) child.kill("SIGKILL");
      });
      await new Promise((resolve) => child.on("close", resolve));
      expect(told).toBeGreaterThan(there);
      there = statSync(path(directory)).size;
      expect(there).toBeGreaterThanOrEqual(told);
    }
    const seen = source(bytes);
    const blob = await fetchAll(directory, seen.options);
    expect(seen.offsets).toEqual(there === bytes.length ? [] : [there]);
    expect(readFileSync(path(directory)).equals(bytes)).toBe(true);
    await blob.release({ keep: false });
  });
});

describe("sweepBlobs", () => {
  it("removes what is too old, and the oldest of what is too much", async () => {
    const directory = scratchDirectory();
    const names = ["old", "middle", "new"].map((name) => abandon(directory, name));
    for (const [index, name] of names.entries()) await name.then((file) => touch(file, 3 - index));
    sweepBlobs(directory, { keepSince: Date.now() - 2.5 * HOUR, maxBytes: 1.5 * MIB });
    expect(readdirSync(directory).filter((name) => name !== "lock")).toEqual(
      ["", ".state"].map((suffix) => blobName(digestOf(contentOf("new"))) + suffix),
    );
  });

  it("leaves what somebody holds", async () => {
    const directory = scratchDirectory();
    const blob = await fetchAll(directory, source(bytes).options);
    sweepBlobs(directory, { keepSince: Date.now() + HOUR, maxBytes: 0 });
    expect(existsSync(path(directory))).toBe(true);
    await blob.release({ keep: true });
    sweepBlobs(directory, { keepSince: Date.now() + HOUR, maxBytes: 0 });
    expect(readdirSync(directory)).toEqual(["lock"]);
  });

  it("makes nothing where there never were any", () => {
    const directory = scratchDirectory();
    sweepBlobs(join(directory, "absent"), { keepSince: 0, maxBytes: 0 });
    sweepBlobs(directory, { keepSince: 0, maxBytes: 0 });
    expect(readdirSync(directory)).toEqual([]);
  });
});

const HOUR = 3600_000;
const ingester = join(import.meta.dirname, "../../test/support/blob-ingester.ts");

function descriptorOf(content: Uint8Array): Descriptor {
  return { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length };
}

function path(directory: string): string {
  return join(directory, blobName(descriptor.digest));
}

async function fetchAll(directory: string, options: IngestOptions, of = descriptor) {
  const blob = await holdBlob(directory, of);
  try {
    await ingestBlob(blob, options);
  } catch (error) {
    await blob.release({ keep: true });
    throw error;
  }
  return blob;
}

/** Gives the bytes from wherever it is asked to, and remembers that. */
function source(content: Uint8Array, { breakAt = Number.POSITIVE_INFINITY, slow = false } = {}) {
  const offsets: number[] = [];
  const counted = { disk: 0, network: 0 };
  const options: IngestOptions = {
    async *open(offset) {
      offsets.push(offset);
      for (let at = offset; at < content.length; at += 65536) {
        if (at >= breakAt) throw new LayerfsError("REGISTRY", "cut off");
        if (slow) await sleep(1);
        yield content.subarray(at, Math.min(at + 65536, breakAt, content.length));
      }
    },
    onBytes(count, origin) {
      counted[origin] += count;
    },
  };
  return { offsets, counted, options };
}

/** The files in a directory that this process has open. */
function openBelow(directory: string): string[] {
  return openFiles()
    .filter((target) => target.startsWith(`${directory}/`))
    .map((target) => basename(target));
}

/** What a restart does to the state. Returns the bytes that were durable. */
function forgetBoot(directory: string): number {
  const file = `${path(directory)}.state`;
  const [boot = "", durable = ""] = readFileSync(file, "utf8").split(" ");
  const text = `${boot.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))} ${durable}`;
  writeFileSync(file, `${text} ${digestOf(text).slice("sha256:".length).slice(0, 16)}\n`.padEnd(128));
  return Number(durable);
}

function contentOf(name: string): Buffer {
  return randomBytesOf(name, MIB);
}

async function abandon(directory: string, name: string): Promise<string> {
  const content = contentOf(name);
  const blob = await fetchAll(directory, source(content).options, descriptorOf(content));
  await blob.release({ keep: true });
  return join(directory, blobName(digestOf(content)));
}

function touch(file: string, hours: number): void {
  const time = new Date(Date.now() - hours * HOUR);
  for (const name of [file, `${file}.state`]) utimesSync(name, time, time);
}
