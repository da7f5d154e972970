import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "../../file-system.ts";
import type { Lister } from "../lister.ts";
import type { ListedNode } from "../wrong-answers.ts";

export const SNYK = "snyk-docker-plugin";
const VERSION = "9.20.2";
const PROGRAM = join(import.meta.dirname, "snyk-listing.js");
/** It quotes words for a shell. Registries that lag behind have not the last one, which is asked for. */
const OVERRIDES = { shescape: "^2.1.12" };

export interface SnykInstallation extends Disposable {
  readonly directory: string;
}

/** From the npm registry into a directory of its own; no install scripts are run. */
export function installSnyk(): SnykInstallation {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-bench-snyk-"));
  const dispose = (): void => rmSync(directory, { recursive: true });
  const manifest = { private: true, dependencies: { [SNYK]: VERSION }, overrides: OVERRIDES };
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  try {
    command("npm", "--prefix", directory, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund");
  } catch (error) {
    dispose();
    throw error;
  }
  return { directory, [Symbol.dispose]: dispose };
}

export function snykListers(installation: SnykInstallation): Lister[] {
  return (["docker-archive", "OCI archive"] as const).map((form) => snykLister(installation, form));
}

/** Directories and devices are no part of what it can tell. */
function snykLister(installation: SnykInstallation, form: "docker-archive" | "OCI archive"): Lister {
  return {
    peer: SNYK,
    form,
    needs: ["tar"],
    judgement: { types: ["file", "symlink"], added: null },
    version: () => VERSION,
    start: async (_, image, { directory, work }) => ({
      daemon: null,
      command: () => {
        const source =
          form === "docker-archive"
            ? `docker-archive:${join(directory, "docker", `${image}.tar`)}`
            : `oci-archive:${layoutArchive(join(directory, "oci", image), join(work, `${image}.oci.tar`))}`;
        return [process.execPath, PROGRAM, installation.directory, source];
      },
      parse: (output) => parseSnykListing(output.toString()),
      stop: async () => {},
    }),
  };
}

function layoutArchive(layout: string, archive: string): string {
  if (!existsSync(archive)) command("tar", "-C", layout, "-cf", archive, ".");
  return archive;
}

export function parseSnykListing(output: string): ListedNode[] {
  const { files, symlinks }: { files: [string, number][]; symlinks: string[] } = JSON.parse(output);
  return [
    ...files.map(([path, size]) => node(path, "file", size)),
    ...symlinks.map((path) => node(path, "symlink", null)),
  ];
}

/** Targets of symlinks are told only as it resolves them. */
function node(path: string, type: ListedNode["type"], size: number | null): ListedNode {
  return { path: Buffer.from(path).toString("latin1").slice(1), type, mode: null, size, target: null };
}
