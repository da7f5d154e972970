import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "./file-system.ts";

export interface Installation extends Disposable {
  /** The program that users start. */
  readonly command: string;
  /** The module that programs import. */
  readonly library: string;
}

/** Builds the checkout and lays it out as npm installs the package, with the checkout's dependencies beside it. */
export function installLayerfs(checkout: string): Installation {
  command("npm", "--prefix", checkout, "run", "--silent", "build");
  const directory = mkdtempSync(join(tmpdir(), "layerfs-bench-"));
  const modules = join(directory, "node_modules");
  const own = join(modules, "layerfs");
  mkdirSync(own, { recursive: true });
  for (const name of ["bin", "dist", "package.json"])
    cpSync(join(checkout, name), join(own, name), { recursive: true });
  for (const name of readdirSync(join(checkout, "node_modules"))) {
    symlinkSync(join(checkout, "node_modules", name), join(modules, name));
  }
  const program = join(own, "bin/layerfs");
  command(program, "version");
  return {
    command: program,
    library: join(own, "dist/index.js"),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}
