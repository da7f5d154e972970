import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon } from "../daemon.ts";
import { command } from "../file-system.ts";
import { type Images, numberIn, type Program, type Work } from "../program.ts";

/** It takes a layout only as an archive, which is made before the time is taken. */
export const ctr: Program = {
  name: "ctr",
  needs: ["ctr", "containerd"],
  version: () => numberIn(command("containerd", "--version")),
  can: (operation, form) => form === (operation === "load" ? "OCI layout" : "registry"),
  start: async (store, images) => {
    const address = join(store, "s");
    const config = join(store, "config.toml");
    writeFileSync(config, containerdConfig(store, address));
    const words = ["ctr", "-a", address];
    const daemon = await startDaemon(["containerd", "-c", config], [...words, "version"], join(store, "log"));
    return {
      daemon: daemon.pid,
      words,
      command: (work) => [...words, "images", ...verb(work, images)],
      stop: daemon.stop,
    };
  },
};

function verb({ operation, image, registry }: Work, images: Images): string[] {
  switch (operation) {
    case "load":
      return ["import", "--base-name", `lab/${image}`, "--snapshotter", "overlayfs", archiveOf(image, images)];
    case "pull":
      return ["pull", "--plain-http", "--snapshotter", "overlayfs", `${registry}/lab/${image}:1`];
    case "push":
      return ["push", "--plain-http", `${registry}/lab/${image}:1`, `lab/${image}:latest`];
    case "save":
      throw new Error("ctr saves no docker-archive");
  }
}

function archiveOf(image: string, { directory, work }: Images): string {
  const archive = join(work, `${image}.oci.tar`);
  if (!existsSync(archive)) command("tar", "-C", join(directory, "oci", image), "-cf", archive, ".");
  return archive;
}

function containerdConfig(store: string, address: string): string {
  return [
    "version = 2",
    `root = ${JSON.stringify(join(store, "root"))}`,
    `state = ${JSON.stringify(join(store, "state"))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    "[grpc]",
    `address = ${JSON.stringify(address)}`,
    "",
  ].join("\n");
}
