import { join } from "node:path";
import { startDaemon } from "../daemon.ts";
import { command } from "../file-system.ts";
import { numberIn, type Program, type Work } from "../program.ts";

export const docker: Program = {
  name: "docker",
  needs: ["docker", "dockerd"],
  version: () => numberIn(command("dockerd", "--version")),
  can: (_, form) => form !== "OCI layout",
  start: async (store, { directory }) => {
    const host = `unix://${join(store, "s")}`;
    const words = ["docker", "-H", host];
    const places = ["--data-root", join(store, "root"), "--exec-root", join(store, "exec"), "-p", join(store, "pid")];
    const network = ["--iptables=false", "--bridge=none", "--ip-forward=false"];
    const server = ["dockerd", ...places, "-H", host, ...network, "-s", "overlay2"];
    const daemon = await startDaemon(server, [...words, "version"], join(store, "log"));
    return {
      daemon: daemon.pid,
      words,
      command: (work) => [...words, ...verb(work, directory)],
      preparation: ({ operation, image, registry }) =>
        operation === "push" ? [...words, "tag", `lab/${image}:1`, `${registry}/lab/${image}:1`] : null,
      stop: daemon.stop,
    };
  },
};

function verb({ operation, image, registry }: Work, directory: string): string[] {
  switch (operation) {
    case "load":
      return ["load", "-q", "-i", join(directory, "docker", `${image}.tar`)];
    case "save":
      return ["save", `lab/${image}:1`];
    case "pull":
      return ["pull", "-q", `${registry}/lab/${image}:1`];
    case "push":
      return ["push", "-q", `${registry}/lab/${image}:1`];
  }
}
