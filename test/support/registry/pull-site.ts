import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "../../../src/engine/open-engine.ts";
import type { RegistrySettings } from "../../../src/source/registry/settings.ts";
import { type Run, runCommand } from "../command-line.ts";
import { type LayerfsProcess, startLayerfs } from "../layerfs-process.ts";
import { scanStore } from "../scan-store.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { type RegistryOptions, startRegistry, type TestRegistry } from "./registry.ts";

/** A registry behind a proxy that can spoil its answers, and stores to pull into. */
export interface PullSite extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly proxy: FaultProxy;
  /** Nobody's credentials are in it at first. */
  readonly dockerConfig: string;
  /** An empty data root. */
  newRoot(): string;
  /** `name`, as in `lab/a:1`, with the proxy's host. */
  reference(name: string): string;
  /** Runs the command as a process. */
  start(root: string, ...words: readonly string[]): LayerfsProcess;
  /** Runs the command in this process, which is quicker, and with little patience for what fails. */
  layerfs(root: string, ...words: readonly string[]): Promise<Run>;
  /** What a user sees of the store's images, and what is wrong with the store. */
  look(root: string): Promise<{ readonly images: readonly string[]; readonly problems: readonly string[] }>;
}

const IMPATIENT: RegistrySettings = {
  retry: { attempts: 3, firstWait: 10, longestWait: 20 },
  stallTimeout: 1000,
  environment: {},
  certificateDirectories: [],
};

/** `place`: a directory for the data roots, such as a file system of the test's own; default: one that goes with the site. */
export async function pullSite(
  driver: "overlay2" | "vfs",
  options: RegistryOptions & { readonly place?: string } = {},
): Promise<PullSite> {
  const own = mkdtempSync(join(tmpdir(), "layerfs-pull-"));
  const dockerConfig = join(own, "docker");
  mkdirSync(dockerConfig);
  const registry = await startRegistry(options);
  const proxy = await startFaultProxy(registry);
  let roots = 0;
  const start: PullSite["start"] = (root, ...words) =>
    startLayerfs(["--root", root, "-s", driver, ...words], undefined, { DOCKER_CONFIG: dockerConfig });
  const layerfs: PullSite["layerfs"] = (root, ...words) =>
    runCommand(["--root", root, "-s", driver, ...words], {
      openEngine: (given) =>
        openEngine({
          ...given,
          registries: { ...given.registries, dockerConfigDirectory: dockerConfig, ...IMPATIENT },
        }),
    });
  return {
    registry,
    proxy,
    dockerConfig,
    newRoot: () => join(options.place ?? own, `root-${roots++}`),
    reference: (name) => `${proxy.host}/${name}`,
    start,
    layerfs,
    async look(root) {
      const { status, stdout, stderr } = await layerfs(root, "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}");
      if (status !== 0) throw new Error(stderr);
      return { images: stdout.trimEnd().split("\n").filter(Boolean).sort(), problems: scanStore(root, driver) };
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      rmSync(own, { recursive: true });
    },
  };
}
