import type { OutgoingImage } from "../core/destination.ts";
import { canonicalString, type NamedReference } from "../core/reference.ts";

/** The file that says that a directory or an archive is an OCI layout, byte for byte as Docker writes it. */
export const LAYOUT_FILE: Buffer = Buffer.from('{"imageLayoutVersion": "1.0.0"}');

/** Where tools that need the whole name of an image write it (containerd, Docker). */
export const FULL_NAME = "io.containerd.image.name";
/** Pre-defined by OCI's annotations.md; often a tag alone, such as `latest`. */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** An entry of `index.json`. */
export interface IndexEntry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, unknown>>;
}

/**
 * The entries of an image: one with the annotations that it came with, else one for each name, in Docker's form, or one
 * without. A `refName` takes the place of all of them, as skopeo has it.
 */
export function indexEntries({ descriptor, names }: OutgoingImage, refName: string | null): IndexEntry[] {
  const { mediaType, digest, size, platform } = descriptor;
  const entry = { mediaType, digest, size };
  const end = platform === undefined ? {} : { platform: encodePlatform(platform) };
  const own =
    descriptor.annotations === undefined ? names.map(annotationsOf) : [Object.fromEntries(descriptor.annotations)];
  const annotations = refName === null ? own : [{ [REF_NAME]: refName }];
  if (annotations.length === 0) return [{ ...entry, ...end }];
  return annotations.map((annotation) => ({ ...entry, annotations: annotation, ...end }));
}

function annotationsOf(reference: NamedReference): Record<string, string> {
  return { [FULL_NAME]: canonicalString(reference), [REF_NAME]: reference.tag ?? "" };
}

function encodePlatform(platform: NonNullable<OutgoingImage["descriptor"]["platform"]>): Record<string, unknown> {
  const { architecture, os, osVersion, osFeatures, variant } = platform;
  return {
    architecture,
    os,
    ...(osVersion !== undefined && { "os.version": osVersion }),
    ...(osFeatures !== undefined && { "os.features": osFeatures }),
    ...(variant !== undefined && { variant }),
  };
}
