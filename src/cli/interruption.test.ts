import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Interruption, untilAborted } from "./interruption.ts";

describe("interruptSignal", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("is aborted by %s with the status to end with, %i", async (name, expected) => {
    const child = start("process.exit(signal.reason.exitStatus)");
    await once(child.stdout, "data");
    child.kill(name);
    expect(await once(child, "exit")).toEqual([expected, null]);
  });

  it("lets a second Ctrl-C end the process at once", async () => {
    const child = start("console.log('aborted')");
    await once(child.stdout, "data");
    child.kill("SIGINT");
    await once(child.stdout, "data");
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([null, "SIGINT"]);
  });
});

describe("untilAborted", () => {
  it("gives the result", async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
  });

  it("fails with the reason where the signal was aborted before or is aborted meanwhile", async () => {
    const controller = new AbortController();
    const reason = new Interruption("SIGINT");
    const waiting = untilAborted(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(untilAborted(Promise.resolve(1), controller.signal)).rejects.toBe(reason);
  });
});

/** A process that says when it is ready and runs `onAbort` when its `signal` is aborted. */
function start(onAbort: string) {
  const module = join(import.meta.dirname, "interruption.ts");
  const script = `
    const { interruptSignal } = await import(${JSON.stringify(module)});
    const signal = interruptSignal();
    signal.addEventListener("abort", () => { ${onAbort}; });
    setInterval(() => {}, 1000);
    console.log("ready");
  `;
  return spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
}
