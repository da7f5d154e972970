import { join } from "node:path";
import { command } from "../file-system.ts";
import { type Program, runningAlone, type Work } from "../program.ts";
import { OURS } from "../results.ts";

export function layerfs(words: readonly string[]): Program {
  return {
    name: OURS,
    needs: [],
    version: () => command(words[0] ?? "", ...words.slice(1), "version", "--format", "{{.Version}}").trim(),
    can: () => true,
    start: async (store, { directory }) => {
      const onStore = [...words, "--root", join(store, "root")];
      return {
        ...runningAlone(onStore, (work) => verb(work, directory)),
        preparation: ({ operation, image, registry }) =>
          operation === "push" ? [...onStore, "tag", `lab/${image}:1`, `${registry}/lab/${image}:1`] : null,
      };
    },
  };
}

function verb({ operation, form, image, registry }: Work, directory: string): string[] {
  switch (operation) {
    case "load":
      return form === "OCI layout"
        ? ["load", "-q", `oci:${join(directory, "oci", image)}`]
        : ["load", "-q", "-i", join(directory, "docker", `${image}.tar`)];
    case "save":
      return ["save", `lab/${image}:1`];
    case "pull":
      return ["pull", "-q", `${registry}/lab/${image}:1`];
    case "push":
      return ["push", "-q", `${registry}/lab/${image}:1`];
  }
}
