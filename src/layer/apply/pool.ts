import module from "node:module";
import { availableParallelism } from "node:os";
import { dirname, extname } from "node:path";
import { Worker } from "node:worker_threads";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { LayerfsError, reviveError, withObject } from "../../core/errors.ts";
import { crc64Program } from "../../tar/crc64.ts";
import type { ApplyJob, FromWorker, JobResult, ToWorker, WorkerData } from "./job.ts";

/** A layer whose content is written; `finish` makes what depends on the layers below. */
export interface WrittenJob {
  finish(lowers: readonly string[]): Promise<JobResult>;
  /** Gives the job up, in place of `finish`. */
  abandon(): void;
}

export interface JobCallbacks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export type ApplyOutcome =
  | { readonly kind: "finished"; readonly result: JobResult }
  | { readonly kind: "written"; readonly job: WrittenJob }
  /** Nothing can be written yet: empty the directory and try again once the layers below are complete. */
  | { readonly kind: "lowers-needed" };

/** Threads that unpack layers, started as they are needed; idle ones do not keep the process alive. */
export interface ApplyPool extends AsyncDisposable {
  /** Waits for a free thread, then unpacks. A job that was cancelled fails with CANCELLED. */
  apply(job: ApplyJob, callbacks: JobCallbacks): Promise<ApplyOutcome>;
}

/** Each thread takes about 25 MB on top of 125 MB: with more than two a load would take over 200 MB. */
const MAX_THREADS = 2;
/** By the ending of this module: `.ts` in a checkout, `.js` in the package (tsc does not rewrite a URL). */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** What a layer leaves in memory dies young; a small nursery keeps a thread small (docs/performance.md). */
const YOUNG_GENERATION = { maxYoungGenerationSizeMb: 1 };

interface Thread {
  readonly worker: Worker;
  busy: boolean;
  /** Why the thread ended on its own account; such a thread answers no more. */
  fault: Error | null;
  readonly pending: Map<number, { handle(message: FromWorker): void; fail(error: Error): void }>;
}

export function applyPool(size: number = Math.min(MAX_THREADS, availableParallelism())): ApplyPool {
  const threads: Thread[] = [];
  const waiting: ((thread: Thread) => void)[] = [];
  let nextId = 0;
  let compiled: Promise<void> | undefined;

  const takeThread = async (): Promise<Thread> => {
    compiled ??= shareCompiledCode();
    await compiled;
    const idle = threads.find((thread) => !thread.busy) ?? (threads.length < size ? startThread(threads) : undefined);
    if (idle === undefined) return new Promise((resolve) => waiting.push(resolve));
    idle.busy = true;
    return idle;
  };
  const freeThread = (thread: Thread): void => {
    thread.busy = false;
    const next = waiting.shift();
    if (next === undefined) return;
    const free = thread.fault === null ? thread : startThread(threads);
    free.busy = true;
    next(free);
  };

  return {
    async apply(job, callbacks) {
      const thread = await takeThread();
      const id = nextId++;
      try {
        throwIfCancelled(callbacks.signal);
        return await runJob(thread, id, job, callbacks);
      } finally {
        freeThread(thread);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.splice(0).map(stopThread));
    },
  };
}

async function runJob(thread: Thread, id: number, job: ApplyJob, callbacks: JobCallbacks): Promise<ApplyOutcome> {
  const cancel = (): void => thread.worker.postMessage({ type: "cancel", id } satisfies ToWorker);
  callbacks.signal?.addEventListener("abort", cancel, { once: true });
  const object = job.diffID === null ? "the new layer" : `layer ${job.diffID}`;
  const answer = await ask(thread, object, { type: "apply", id, job }, callbacks.onProgress).finally(() => {
    callbacks.signal?.removeEventListener("abort", cancel);
  });
  if (answer.type === "lowers-needed") return { kind: "lowers-needed" };
  if (answer.type === "finished") return { kind: "finished", result: answer.result };
  return {
    kind: "written",
    job: {
      async finish(lowers) {
        const finished = await ask(thread, object, { type: "finish", id, lowers });
        if (finished.type !== "finished")
          throw new LayerfsError("SYSTEM", `a worker answered ${finished.type} to finish`);
        return finished.result;
      },
      abandon: cancel,
    },
  };
}

/** Resolves with the next message for the job that is no progress; rejects with the job's error, which names `object`. */
function ask(
  thread: Thread,
  object: string,
  message: Exclude<ToWorker, { type: "stop" }>,
  onProgress?: (bytes: number) => void,
): Promise<FromWorker> {
  if (thread.fault !== null) return Promise.reject(thread.fault);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      thread.pending.delete(message.id);
      if (thread.pending.size === 0) thread.worker.unref();
      act();
    };
    thread.worker.ref();
    thread.pending.set(message.id, {
      handle(answer) {
        if (answer.type === "progress") onProgress?.(answer.bytes);
        else if (answer.type === "failed") settle(() => reject(withObject(reviveError(answer.error), object)));
        else settle(() => resolve(answer));
      },
      fail: (error) => settle(() => reject(error)),
    });
    thread.worker.postMessage(message);
  });
}

function startThread(threads: Thread[]): Thread {
  // Descriptors are opened by native calls, of which Node would know only the closing.
  const worker = new Worker(WORKER, {
    trackUnmanagedFds: false,
    resourceLimits: YOUNG_GENERATION,
    env: threadEnvironment(),
    workerData: { crc64: crc64Program() } satisfies WorkerData,
  });
  const thread: Thread = { worker, busy: false, fault: null, pending: new Map() };
  worker.on("message", (message: FromWorker) => thread.pending.get(message.id)?.handle(message));
  worker.on("error", (cause) => {
    const error = new LayerfsError("SYSTEM", `a thread that unpacks layers ended: ${String(cause)}`, { cause });
    thread.fault = error;
    threads.splice(threads.indexOf(thread), 1);
    for (const { fail } of [...thread.pending.values()]) fail(error);
  });
  threads.push(thread);
  return thread;
}

/**
 * Where there is a compile cache, what the threads will run is compiled here, once, and written there: each of them
 * would otherwise take its own 20 MB to strip the types from TypeScript.
 */
async function shareCompiledCode(): Promise<void> {
  if (module.getCompileCacheDir() === undefined) return;
  await import("./worker.ts");
  module.flushCompileCache();
}

/** A thread has its process's compile cache only if its environment names it. */
function threadEnvironment(): NodeJS.ProcessEnv {
  const directory = module.getCompileCacheDir();
  return directory === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(directory) };
}

function stopThread({ worker }: Thread): Promise<void> {
  return new Promise((resolve) => {
    worker.ref();
    worker.once("exit", () => resolve());
    worker.postMessage({ type: "stop" } satisfies ToWorker);
  });
}
