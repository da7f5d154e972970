import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { familiarName, familiarString } from "../../core/reference.ts";
import type { RunConfigDocument } from "../../core/run-config.ts";
import { normaliseRunConfig } from "../../core/run-config.ts";
import { goTime, NO_TIME } from "../../core/timespec.ts";
import { readLastTagTime, readParents } from "../../image/metadata.ts";
import { isDigestName, readRepositories, tagsOf } from "../../image/repositories.ts";
import type { ReadOptions } from "../engine.ts";
import type { OpenedImage } from "../source.ts";
import type { Stores } from "../stores.ts";
import { layerSizes } from "./layer-size.ts";
import { openStoredImage } from "./stored-image.ts";

/** One image as `docker inspect` of Docker 20.10 shows it: the same fields in the same order. */
export interface ImageInspection {
  readonly Id: Digest;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** The image that this one was committed or built on here, else empty. */
  readonly Parent: string;
  readonly Comment: string;
  readonly Created: string;
  readonly Container: string;
  readonly ContainerConfig: RunConfigDocument;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: RunConfigDocument | null;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  /** Bytes of the content of all its layers. */
  readonly Size: number;
  readonly VirtualSize: number;
  /** Of an image in a source: no data, and no name. */
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string };
  /** DiffIDs, lowest first. */
  readonly RootFS: { readonly Type: string; readonly Layers?: readonly Digest[] };
  /** The first year for an image that `tag` never named. */
  readonly Metadata: { readonly LastTagTime: string };
}

/** Everything that is known of an image, in Docker's words (moby, daemon/images/image_inspect.go). */
export function inspectImage(stores: Stores, text: string): ImageInspection {
  const { id, config, layers } = openStoredImage(stores, text);
  const { driver } = stores.layers;
  const names = tagsOf(readRepositories(stores.images), id);
  const top = layers.at(-1);
  return describe(id, config, {
    tags: names.filter((tag) => !isDigestName(tag)).map(({ name }) => name),
    digests: names.filter(isDigestName).map(({ name }) => name),
    parent: readParents(stores.images).get(id) ?? "",
    size: layers.reduce((sum, layer) => sum + layer.size, 0),
    graphDriver: { Data: top === undefined ? null : driver.data(top.cacheID), Name: driver.name },
    lastTagTime: readLastTagTime(stores.images, id),
  });
}

/** The same of an image that lies in a source, where no driver has it. All layers are read for their size, and verified. */
export async function inspectSource({ image }: OpenedImage, options: ReadOptions): Promise<ImageInspection> {
  const { id, config, names, manifest } = image;
  const sizes = await layerSizes(image, options);
  return describe(id, config, {
    tags: names.filter(({ digest }) => digest === undefined).map(familiarString),
    digests: manifest === undefined ? [] : names.map((name) => `${familiarName(name)}@${manifest.digest}`),
    parent: "",
    size: sizes.reduce((sum, size) => sum + size, 0),
    graphDriver: { Data: null, Name: "" },
    lastTagTime: null,
  });
}

/** What is told of an image by the place where it lies. */
interface Place {
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly parent: string;
  readonly size: number;
  readonly graphDriver: ImageInspection["GraphDriver"];
  readonly lastTagTime: string | null;
}

function describe(id: Digest, config: ImageConfig, place: Place): ImageInspection {
  const { raw } = config;
  return {
    Id: id,
    RepoTags: place.tags,
    RepoDigests: place.digests,
    Parent: place.parent,
    Comment: textOf(raw.comment) || (config.history.at(-1)?.comment ?? ""),
    Created: goTime(config.created ?? NO_TIME),
    Container: textOf(raw.container),
    ContainerConfig: normaliseRunConfig(raw.container_config),
    DockerVersion: textOf(raw.docker_version),
    Author: textOf(raw.author),
    Config: (raw.config ?? null) === null ? null : normaliseRunConfig(raw.config),
    Architecture: textOf(raw.architecture),
    ...optional("Variant", raw.variant),
    Os: config.os,
    ...optional("OsVersion", config.osVersion),
    Size: place.size,
    VirtualSize: place.size,
    GraphDriver: place.graphDriver,
    RootFS: rootFS(config),
    Metadata: { LastTagTime: place.lastTagTime ?? NO_TIME },
  };
}

function rootFS(config: ImageConfig): ImageInspection["RootFS"] {
  const { diffIDs } = config.rootfs;
  return diffIDs.length === 0 ? { Type: "layers" } : { Type: "layers", Layers: diffIDs };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function optional<Name extends string>(name: Name, value: unknown): { [key in Name]?: string } {
  return textOf(value) === "" ? {} : ({ [name]: value } as { [key in Name]?: string });
}
