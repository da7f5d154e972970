import { parentPort, workerData } from "node:worker_threads";
import { type Arrival, waitForBytes } from "../../src/content/arrival.ts";

/** A thread that waits for bytes and says when they are there. */
const { arrival, wanted } = workerData as { readonly arrival: Arrival; readonly wanted: number };
const port = parentPort;
const alive = setInterval(() => {}, 1000);
port?.postMessage("waiting");
port?.postMessage(await waitForBytes(arrival, wanted, new AbortController().signal));
clearInterval(alive);
