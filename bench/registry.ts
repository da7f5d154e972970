import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { startDaemon } from "./daemon.ts";

/** An empty registry on loopback. */
export interface Registry extends AsyncDisposable {
  /** `HOST:PORT`. */
  readonly address: string;
}

export const REGISTRY_PROGRAM = "docker-registry";

/** Starts the distribution project's registry; what it holds lies below `work` and goes with it. */
export async function startRegistry(work: string): Promise<Registry> {
  const directory = join(work, "registry");
  mkdirSync(directory);
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(directory, "config.json");
  const storage = { filesystem: { rootdirectory: join(directory, "data") } };
  writeFileSync(config, JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http: { addr: address } }));
  const probe = ["curl", "-sf", `http://${address}/v2/`];
  const daemon = await startDaemon([REGISTRY_PROGRAM, "serve", config], probe, join(directory, "log"));
  return {
    address,
    [Symbol.asyncDispose]: async () => {
      await daemon.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
