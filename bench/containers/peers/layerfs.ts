import { join } from "node:path";
import { startLoaded } from "../../program.ts";
import { layerfs } from "../../programs/layerfs.ts";
import { OURS } from "../../results.ts";
import type { ContainerPeer } from "../peer.ts";
import { byCommands, unpackInto } from "./by-commands.ts";

/** Whole commands: `words` start what users install. */
export function layerfsCommands(words: readonly string[]): ContainerPeer {
  const program = layerfs(words);
  return {
    name: `${OURS}, commands`,
    isOurs: true,
    needs: ["tar"],
    version: program.version,
    start: async (store, image, images) => {
      const running = await startLoaded(program, store, image, images);
      return byCommands(running, `lab/${image}:1`, { process: ["sh"], hasDiff: true });
    },
  };
}

/** Calls of the installed package, whose main module is `library`, in this process. */
export function layerfsLibrary(words: readonly string[], library: string): ContainerPeer {
  return {
    name: `${OURS}, library`,
    isOurs: true,
    needs: ["tar"],
    version: layerfs(words).version,
    start: async (store, image, { directory }) => {
      const { openEngine }: typeof import("../../../src/index.ts") = await import(library);
      const engine = await openEngine({ root: join(store, "root") });
      await engine.load({ file: join(directory, "docker", `${image}.tar`) });
      const mount = (container: string): Promise<string> => engine.mount({ image: container });
      const unmount = async (container: string): Promise<void> => void (await engine.unmount({ target: container }));
      return {
        isResident: true,
        create: async () => (await engine.createContainer(`lab/${image}:1`, { command: ["sh"] })).id,
        remove: async (container) => void (await engine.removeContainer(container)),
        mount,
        unmount,
        change: (container, tar) => unpackInto(container, tar, { mount, unmount }),
        diff: async (container) => (await engine.diff(container)).length,
        commit: async (container, reference) => void (await engine.commit(container, { reference })),
        removeImage: async (reference) => void (await engine.removeImage(reference)),
        stop: async () => engine[Symbol.asyncDispose](),
      };
    },
  };
}
