import { join } from "node:path";
import { command } from "../file-system.ts";
import { numberIn, type Program, runningAlone, type Work } from "../program.ts";

export const podman: Program = {
  name: "podman",
  needs: ["podman"],
  version: () => numberIn(command("podman", "--version")),
  can: (_, form) => form !== "OCI layout",
  start: async (store, { directory }) => {
    const places = ["--root", join(store, "root"), "--runroot", join(store, "run"), "--tmpdir", join(store, "tmp")];
    const options = ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
    return runningAlone(["podman", ...places, ...options], (work) => verb(work, directory));
  },
};

function verb({ operation, image, registry }: Work, directory: string): string[] {
  switch (operation) {
    case "load":
      return ["load", "-q", "-i", join(directory, "docker", `${image}.tar`)];
    case "save":
      return ["save", "-q", `lab/${image}:1`];
    case "pull":
      return ["pull", "-q", "--tls-verify=false", `${registry}/lab/${image}:1`];
    case "push":
      return ["push", "-q", "--tls-verify=false", `lab/${image}:1`, `${registry}/lab/${image}:1`];
  }
}
