import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { requires, root } from "../../test/support/requires.ts";
import { bootID, mountNamespace, unshareFileSystem } from "./namespace.ts";

describe("mountNamespace and bootID", () => {
  it("identify this process and this start of the machine", () => {
    expect(mountNamespace()).toMatch(/^\d+$/);
    expect(mountNamespace(process.pid)).toBe(mountNamespace());
    expect(bootID()).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("a worker with a file system context of its own", () => {
  it("changes its umask without changing that of the process", async () => {
    const before = process.umask();
    const moduleURL = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
    const worker = new Worker(
      `(async () => {
        const { unshareFileSystem } = await import(${moduleURL("./namespace.ts")});
        const { umask } = await import(${moduleURL("./at.ts")});
        unshareFileSystem();
        umask(0);
        require("node:worker_threads").parentPort.postMessage(umask(0));
      })()`,
      { eval: true },
    );
    const inWorker = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    expect(inWorker).toBe(0);
    expect(process.umask()).toBe(before);
    await worker.terminate();
  });
});

describe("unshareFileSystem", () => {
  requires(root());

  it("succeeds without a new mount namespace", () => {
    const before = mountNamespace();
    unshareFileSystem();
    expect(mountNamespace()).toBe(before);
  });
});
