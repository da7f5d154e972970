import { findProgram } from "../test/support/machine.ts";
import type { Program } from "./program.ts";
import { ctr } from "./programs/ctr.ts";
import { docker } from "./programs/docker.ts";
import { layerfs } from "./programs/layerfs.ts";
import { podman } from "./programs/podman.ts";
import { skopeo } from "./programs/skopeo.ts";
import { umoci } from "./programs/umoci.ts";
import { REGISTRY_PROGRAM } from "./registry.ts";
import type { Operation } from "./results.ts";

/** `ours`: the words that start the command that users install. */
export function allPrograms(ours: readonly string[]): Program[] {
  return [layerfs(ours), docker, podman, skopeo, umoci, ctr];
}

/** Null where it can be measured, else why not. */
export function obstacle(operation: Operation, { needs }: Pick<Program, "needs">): string | null {
  const registry = operation === "pull" || operation === "push" ? [REGISTRY_PROGRAM, "skopeo"] : [];
  return withoutPrograms([...needs, ...registry]);
}

/** Null where all of these programs are there, else why what needs them cannot be measured. */
export function withoutPrograms(needs: readonly string[]): string | null {
  const missing = needs.filter((program) => findProgram(program) === null);
  return missing.length === 0 ? null : `there is no ${missing.join(" and no ")} on PATH`;
}
