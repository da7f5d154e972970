import { join } from "node:path";
import { command } from "../../file-system.ts";
import { numberIn, runningAlone } from "../../program.ts";
import type { ContainerPeer } from "../peer.ts";
import { byCommands } from "./by-commands.ts";

/** Its working containers; it has no `diff`. */
export const buildahCommands: ContainerPeer = {
  name: "buildah",
  isOurs: false,
  needs: ["buildah", "tar"],
  version: () => numberIn(command("buildah", "--version")),
  start: async (store, image, { directory }) => {
    const places = ["--root", join(store, "root"), "--runroot", join(store, "run"), "--storage-driver", "overlay"];
    const archive = `docker-archive:${join(directory, "docker", `${image}.tar`)}`;
    const running = runningAlone(["buildah", ...places], () => ["pull", "-q", archive]);
    const [file = "", ...words] = running.command({ operation: "load", form: "docker-archive", image });
    const id = command(file, ...words).trim();
    const verbs = { create: ["from", "--pull-never"], commit: ["commit", "-q"], hasDiff: false };
    return byCommands(running, id, verbs);
  },
};
