import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { randomBytesOf } from "../../../test/support/random.ts";
import { requires, root } from "../../../test/support/requires.ts";
import { scratchDirectory } from "../../../test/support/scratch.ts";
import { lines, snapshot } from "../../../test/support/snapshot.ts";
import { layerTar } from "../../../test/support/tar-builder.ts";
import { type Arrival, endArrival, failArrival, makeArrival, tellArrived } from "../../content/arrival.ts";
import { digestOf } from "../../core/digest.ts";
import { emptyDirectory } from "../../sys/remove-tree.ts";
import type { ApplyJob } from "./job.ts";
import { applyPool } from "./pool.ts";

const BASE = layerTar([
  { name: "d/a", data: "a" },
  { name: "gone", data: "g" },
]);

/** A job that writes `tar` to a new directory, from a gzipped blob. */
function jobFor(tar: Buffer, changes: Partial<ApplyJob> = {}): ApplyJob {
  const scratch = scratchDirectory();
  const [directory, file] = [join(scratch, "layer"), join(scratch, "blob")];
  mkdirSync(directory);
  const blob = gzipSync(tar);
  writeFileSync(file, blob);
  const extent = { fd: openSync(file, "r"), offset: 0, length: blob.length };
  onTestFinished(() => closeSync(extent.fd));
  return {
    bytes: { kind: "blob", extent, digest: digestOf(blob) },
    diffID: digestOf(tar),
    form: "full-tree",
    directory,
    isBase: true,
    lowers: [],
    opaqueXattr: "trusted.overlay.opaque",
    tarSplit: join(scratch, "tar-split.json.gz"),
    maxLayerSize: null,
    ignoreOwners: false,
    ...changes,
  };
}

describe("applyPool", () => {
  requires(root());

  it("unpacks a layer in a thread and writes its tar-split records", async () => {
    await using pool = applyPool(1);
    const job = jobFor(BASE);
    const outcome = await pool.apply(job, {});
    expect(outcome).toMatchObject({ kind: "finished", result: { size: 2, entries: 2, cutsLowers: false } });
    expect(readFileSync(join(job.directory, "d/a"), "latin1")).toBe("a");
    expect(statSync(job.tarSplit as string).size).toBeGreaterThan(0);
  });

  it("writes a layer before those below it are there, and its whiteouts once they are", async () => {
    await using pool = applyPool(2);
    const lower = jobFor(BASE, { form: "overlay-dir" });
    const upper = jobFor(layerTar([{ name: ".wh.gone" }, { name: "x" }]), { form: "overlay-dir", lowers: null });
    const [written] = await Promise.all([pool.apply(upper, {}), pool.apply(lower, {})]);
    if (written.kind !== "written") throw new Error(`the outcome is ${written.kind}`);
    await written.job.finish([lower.directory]);
    expect(lines(snapshot(upper.directory)).map((line) => line.split(" ", 2).join(" "))).toEqual([
      "/ directory",
      "/gone char",
      "/x file",
    ]);
  });

  it("tells where a layer needs those below it, and writes it once they are there", async () => {
    await using pool = applyPool(1);
    const lower = jobFor(BASE, { form: "overlay-dir" });
    await pool.apply(lower, {});
    const job = jobFor(layerTar([{ name: "h", type: "hardlink", link: "d/a" }]), { form: "overlay-dir", lowers: null });
    expect(await pool.apply(job, {})).toEqual({ kind: "lowers-needed" });
    emptyDirectory(job.directory);
    const again = { ...job, lowers: [lower.directory], tarSplit: `${job.tarSplit}-again` };
    expect(await pool.apply(again, {})).toMatchObject({ kind: "finished" });
    expect(readFileSync(join(job.directory, "h"), "latin1")).toBe("a");
  });

  it("fails with DIGEST_MISMATCH where the tar or the blob is another than promised", async () => {
    await using pool = applyPool(1);
    const [job, wrong] = [jobFor(BASE), digestOf(Buffer.from("another"))];
    await expect(pool.apply({ ...job, diffID: wrong }, {})).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    const blob = jobFor(BASE);
    if (blob.bytes.kind !== "blob") throw new Error("the job has no blob");
    const altered = { ...blob, bytes: { ...blob.bytes, digest: wrong } };
    await expect(pool.apply(altered, {})).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("fails with CANCELLED for a job whose signal is aborted before or while it waits", async () => {
    await using pool = applyPool(1);
    await expect(pool.apply(jobFor(BASE), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    const stop = new AbortController();
    const [first, second] = [pool.apply(jobFor(BASE), {}), pool.apply(jobFor(BASE), { signal: stop.signal })];
    stop.abort();
    await expect(second).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await first).toMatchObject({ kind: "finished" });
  });

  it("works on after a layer that failed, with no descriptor left open", async () => {
    await using pool = applyPool(1);
    const count = (): number => Number(execFileSync("sh", ["-c", `ls /proc/${process.pid}/fd | wc -l`]));
    await pool.apply(jobFor(BASE), {});
    const jobs = ["a", ".wh..wh.plnk/1"].map((name) =>
      jobFor(
        layerTar([
          { name, data: "x".repeat(3000) },
          { name: "h", type: "hardlink", link: "nothing" },
        ]),
      ),
    );
    const open = count();
    for (const job of jobs) await expect(pool.apply(job, {})).rejects.toMatchObject({ code: "INVALID_LAYER" });
    await expect.poll(count).toBe(open);
    const after = jobFor(BASE);
    expect(await pool.apply(after, {})).toMatchObject({ kind: "finished" });
  });

  it("unpacks a layer while its bytes arrive, and waits for those that have not", async () => {
    await using pool = applyPool(1);
    const { job, arrival, length } = arrivingJob();
    const outcome = pool.apply(job, {});
    for (let there = 0; there < length; there += 100_000) {
      tellArrived(arrival, there);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // Written as far as it has come, while the rest is awaited.
    await expect.poll(() => existsSync(join(job.directory, "large")), { timeout: 10_000 }).toBe(true);
    tellArrived(arrival, length);
    endArrival(arrival);
    expect(await outcome).toMatchObject({ kind: "finished", result: { size: LARGE.length } });
  });

  it("ends the waiting for bytes of which no more will come, or that nobody wants any more", async () => {
    await using pool = applyPool(2);
    const [failed, unwanted] = [arrivingJob(), arrivingJob()];
    const stop = new AbortController();
    const outcomes = [pool.apply(failed.job, {}), pool.apply(unwanted.job, { signal: stop.signal })];
    const ended = Promise.allSettled(outcomes);
    await new Promise((resolve) => setTimeout(resolve, 50));
    failArrival(failed.arrival);
    stop.abort();
    for (const outcome of await ended) expect(outcome).toMatchObject({ reason: { code: "CANCELLED" } });
  });

  it("tells by its digest that a blob is damaged which cannot be inflated or read", async () => {
    await using pool = applyPool(1);
    const good = jobFor(BASE);
    const bad = jobFor(Buffer.from("no tar ".repeat(100)));
    const damaged = { ...bad, bytes: { ...bad.bytes, digest: digestOf("another") } as ApplyJob["bytes"] };
    await expect(pool.apply(damaged, {})).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await expect(pool.apply(bad, {})).rejects.toMatchObject({ code: "INVALID_TAR" });
    expect(await pool.apply(good, {})).toMatchObject({ kind: "finished" });
  });
});

const LARGE = randomBytesOf("large", 1_000_000);

/** A job whose blob is on its way. */
function arrivingJob(): { job: ApplyJob; arrival: Arrival; length: number } {
  const job = jobFor(layerTar([{ name: "large", data: LARGE }]));
  if (job.bytes.kind !== "blob") throw new Error("the job has no blob");
  const arrival = makeArrival();
  return { job: { ...job, bytes: { ...job.bytes, arrival } }, arrival, length: job.bytes.extent.length };
}
