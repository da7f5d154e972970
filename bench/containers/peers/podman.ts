import { startLoaded } from "../../program.ts";
import { podman } from "../../programs/podman.ts";
import type { ContainerPeer } from "../peer.ts";
import { byCommands } from "./by-commands.ts";

export const podmanCommands: ContainerPeer = {
  name: podman.name,
  isOurs: false,
  needs: [...podman.needs, "tar"],
  version: podman.version,
  start: async (store, image, images) => {
    const running = await startLoaded(podman, store, image, images);
    return byCommands(running, `lab/${image}:1`, { process: ["sh"], commit: ["commit", "-q"], hasDiff: true });
  },
};
