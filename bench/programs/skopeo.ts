import { join } from "node:path";
import { command } from "../file-system.ts";
import { numberIn, type Program, runningAlone, type Work } from "../program.ts";

/** With the storage that podman and buildah use. */
export const skopeo: Program = {
  name: "skopeo",
  needs: ["skopeo"],
  version: () => numberIn(command("skopeo", "--version")),
  can: (operation, form) => operation !== "load" || form === "OCI layout",
  start: async (store, { directory }) => {
    const storage = `containers-storage:[overlay@${join(store, "root")}+${join(store, "run")}]`;
    return runningAlone(["skopeo"], (work) => {
      const stored = `${storage}lab/${work.image}:1`;
      return ["copy", "-q", ...fromAndTo(work, directory, stored)];
    });
  },
};

function fromAndTo({ operation, image, registry }: Work, directory: string, stored: string): string[] {
  switch (operation) {
    case "load":
      return [`oci:${join(directory, "oci", image)}:latest`, stored];
    case "save":
      return [stored, "docker-archive:/dev/stdout"];
    case "pull":
      return ["--src-tls-verify=false", `docker://${registry}/lab/${image}:1`, stored];
    case "push":
      return ["--dest-tls-verify=false", stored, `docker://${registry}/lab/${image}:1`];
  }
}
