import { parentPort, workerData } from "node:worker_threads";
import { errorRecord, LayerfsError } from "../../core/errors.ts";
import { fromAnyError } from "../../sys/errno.ts";
import { shareCrc64Program } from "../../tar/crc64.ts";
import type { AppliedTar } from "./apply-tar.ts";
import type { FromWorker, ToWorker, WorkerData } from "./job.ts";
import { type LayerWriter, LowersNeeded } from "./layer-writer.ts";
import { openWriter, unpackLayer } from "./unpack-layer.ts";

/**
 * A thread that unpacks layers with synchronous system calls. It ends by itself after "stop", so that every descriptor
 * is closed (a terminated thread would leak those that native calls opened). In the main thread this module does
 * nothing: there it is only compiled.
 */
const PROGRESS_EVERY = 4 * 1024 * 1024;

interface Running {
  readonly writer: LayerWriter;
  readonly cancel: AbortController;
  applied: AppliedTar | null;
}

if (workerData !== null) shareCrc64Program((workerData as WorkerData).crc64);
const running = new Map<number, Running>();
const reply = (message: FromWorker): void => parentPort?.postMessage(message);

parentPort?.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "apply":
      void apply(message);
      break;
    case "finish":
      finish(message.id, message.lowers);
      break;
    case "cancel":
      cancel(message.id);
      break;
    case "stop":
      parentPort?.close();
  }
});

async function apply({ id, job }: Extract<ToWorker, { type: "apply" }>): Promise<void> {
  try {
    const state: Running = { writer: openWriter(job), cancel: new AbortController(), applied: null };
    running.set(id, state);
    state.applied = await unpackLayer(job, state.writer, {
      signal: state.cancel.signal,
      onProgress: progressReporter(id),
    });
    if (job.form === "full-tree") finish(id, []);
    else if (job.lowers !== null) finish(id, job.lowers);
    else reply({ type: "written", id });
  } catch (error) {
    fail(id, error);
  }
}

function finish(id: number, lowers: readonly string[]): void {
  const state = running.get(id);
  if (state?.applied == null) {
    fail(id, new LayerfsError("CANCELLED", "the layer was not finished: cancelled"));
    return;
  }
  try {
    const written = state.writer.finish(lowers);
    const result = { ...written, ...state.applied };
    drop(id);
    reply({ type: "finished", id, result });
  } catch (error) {
    fail(id, error);
  }
}

function cancel(id: number): void {
  const state = running.get(id);
  if (state === undefined) return;
  if (state.applied === null) state.cancel.abort();
  else fail(id, new LayerfsError("CANCELLED", "the layer was not finished: cancelled"));
}

function fail(id: number, error: unknown): void {
  drop(id);
  if (error instanceof LowersNeeded) reply({ type: "lowers-needed", id });
  else reply({ type: "failed", id, error: errorRecord(asLayerfsError(error)) });
}

function drop(id: number): void {
  running.get(id)?.writer[Symbol.dispose]();
  running.delete(id);
}

function asLayerfsError(error: unknown): LayerfsError {
  const told = fromAnyError(error);
  if (told instanceof LayerfsError) return told;
  return new LayerfsError("SYSTEM", told instanceof Error ? (told.stack ?? told.message) : String(told));
}

function progressReporter(id: number): (bytes: number) => void {
  let unreported = 0;
  return (bytes) => {
    unreported += bytes;
    if (unreported < PROGRESS_EVERY) return;
    reply({ type: "progress", id, bytes: unreported });
    unreported = 0;
  };
}
