import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { pushLayout } from "../../support/registry/push-image.ts";
import type { TestRegistry } from "../../support/registry/registry.ts";
import { archivesIn } from "../lane.ts";

export type Form = "docker-archive" | "oci" | "oci-zstd" | "docker";

/** One image of the directory. */
export interface ViewedImage {
  /** `nginx`, or `pair:nginx` for one of several in an archive. */
  readonly title: string;
  /** Name of the OCI layout with the same image. */
  readonly name: string;
  /** `docker save` archive that holds it. */
  readonly archive: string;
  /** By which it is known in the archive. */
  readonly reference: string;
}

/** A place from which an image is read, as the command takes it. */
export interface ViewSource {
  readonly form: Form;
  readonly text: string;
}

/** The images of DIR/docker/NAME.tar; of an archive with several, each by the layout of its name (`lab/nginx:1`: nginx). */
export function imagesIn(directory: string, archives: readonly string[]): ViewedImage[] {
  return archivesIn(directory, archives).flatMap((archive): ViewedImage[] => {
    const references = referencesIn(join(directory, "docker", `${archive}.tar`));
    return references.map((reference) => {
      const name = references.length === 1 ? archive : basename(reference).replace(/[:@].*/, "");
      return { title: references.length === 1 ? archive : `${archive}:${name}`, name, archive, reference };
    });
  });
}

/** An image of an archive that has others too is read from there alone. */
export async function sourcesOf(
  directory: string,
  { title, name, archive, reference }: ViewedImage,
  registry: TestRegistry | null,
): Promise<ViewSource[]> {
  const file = join(directory, "docker", `${archive}.tar`);
  const sources: ViewSource[] = [
    { form: "docker-archive", text: `docker-archive:${file}${title === archive ? "" : `:${reference}`}` },
  ];
  if (title !== archive) return sources;
  for (const form of ["oci", "oci-zstd"] as const) {
    const layout = join(directory, form, name);
    if (existsSync(layout)) sources.push({ form, text: `oci:${layout}:latest` });
  }
  if (registry === null) return sources;
  const pushed = `lab/${name}:latest`;
  await pushLayout(registry, pushed, join(directory, "oci", name));
  return [...sources, { form: "docker", text: `docker://${registry.host}/${pushed}` }];
}

function referencesIn(archive: string): string[] {
  const { status, stdout, stderr } = spawnSync("tar", ["-xOf", archive, "manifest.json"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${archive}: ${stderr}`);
  const manifest: { RepoTags: string[] }[] = JSON.parse(stdout);
  return manifest.map(({ RepoTags: [reference = ""] }) => reference);
}
