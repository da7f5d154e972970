import { join } from "node:path";
import { command } from "../file-system.ts";
import { numberIn, type Program, runningAlone } from "../program.ts";

/** It has no store: an image is unpacked to one tree. */
export const umoci: Program = {
  name: "umoci",
  needs: ["umoci"],
  version: () => numberIn(command("umoci", "--version")),
  can: (operation, form) => operation === "load" && form === "OCI layout",
  start: async (store, { directory }) =>
    runningAlone(["umoci"], ({ image }) => {
      const layout = `${join(directory, "oci", image)}:latest`;
      return ["unpack", "--image", layout, join(store, "bundle")];
    }),
};
