import { type Digest, digestOf, parseDigest } from "./digest.ts";
import { type JsonNode, parseJson } from "./json.ts";
import { hostPlatform, normalise, type Platform } from "./platform.ts";
import { parseRfc3339 } from "./timespec.ts";

/** The config of an image (OCI image-spec, config.md; Docker writes the same form). Its digest is the image's id. */
export interface ImageConfig {
  /** The document byte for byte: a config is never written anew, for that would change the image's id. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** The whole document, with fields that are not known here. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
  /** RFC 3339, as written. */
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** Lowest layer first. */
  readonly rootfs: { readonly diffIDs: readonly Digest[] };
  /** Oldest first; the entries that are not `emptyLayer` belong to the layers in order. */
  readonly history: readonly HistoryEntry[];
  /** How containers of the image run. */
  readonly config: RunConfig;
}

export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly emptyLayer: boolean;
}

/** What the image says of its containers. Lists and maps that the document leaves out are empty, words are absent. */
export interface RunConfig {
  readonly user?: string | undefined;
  /** Such as `80/tcp`. */
  readonly exposedPorts: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
  readonly workingDir?: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly stopSignal?: string | undefined;
  readonly onBuild: readonly string[];
  /** In seconds. */
  readonly stopTimeout?: number | undefined;
}

/**
 * Reads an image config. Fails with INVALID_CONFIG. An absent or empty `os` or `architecture`, as early versions of
 * Docker and some builders write, is this machine's, as it is for Docker.
 */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const digest = digestOf(bytes);
  const node = parseJson(bytes, { title: `image config ${digest}`, code: "INVALID_CONFIG" });
  const host = hostPlatform();
  const architecture = readText(node.field("architecture"));
  const variant = readText(node.field("variant"));
  return {
    bytes,
    digest,
    raw: node.object(),
    os: readText(node.field("os")) ?? host.os,
    architecture: architecture ?? host.architecture,
    variant: variant ?? (architecture === undefined ? host.variant : undefined),
    osVersion: readText(node.field("os.version")),
    osFeatures: node.field("os.features").optional((features) => features.strings()),
    created: node.field("created").optional(readTime),
    author: readText(node.field("author")),
    rootfs: readRootfs(node.field("rootfs")),
    history: node.field("history").optional((history) => history.items(readHistory)) ?? [],
    config: readRunConfig(node.field("config")),
  };
}

/** What the image runs on, in normal form. */
export function configPlatform(config: ImageConfig): Platform {
  const { os, architecture, variant, osVersion, osFeatures } = config;
  return normalise({ os, architecture, variant, osVersion, osFeatures });
}

function readRootfs(node: JsonNode): ImageConfig["rootfs"] {
  const type = node.field("type");
  if (type.value !== "layers") type.fail('"layers"');
  const diffIDs = node.field("diff_ids").optional((list) => list.items((item) => item.parsed(parseDigest)));
  return { diffIDs: diffIDs ?? [] };
}

function readHistory(node: JsonNode): HistoryEntry {
  return {
    created: node.field("created").optional(readTime),
    createdBy: readText(node.field("created_by")),
    author: readText(node.field("author")),
    comment: readText(node.field("comment")),
    emptyLayer: node.field("empty_layer").optional((empty) => empty.boolean()) ?? false,
  };
}

function readRunConfig(node: JsonNode): RunConfig {
  const field = (name: string): JsonNode => (node.isAbsent ? node : node.field(name));
  return {
    user: readText(field("User")),
    exposedPorts: readKeys(field("ExposedPorts")),
    env: readList(field("Env")),
    entrypoint: readCommand(field("Entrypoint")),
    cmd: readCommand(field("Cmd")),
    volumes: readKeys(field("Volumes")),
    workingDir: readText(field("WorkingDir")),
    labels: field("Labels").optional((labels) => labels.stringMap()) ?? new Map(),
    stopSignal: readText(field("StopSignal")),
    onBuild: readList(field("OnBuild")),
    stopTimeout: field("StopTimeout").optional((timeout) => timeout.size()),
  };
}

/** A string; an empty one says as much as an absent one. */
function readText(node: JsonNode): string | undefined {
  return node.optional((text) => text.string()) || undefined;
}

function readTime(node: JsonNode): string {
  const text = node.string();
  return parseRfc3339(text) === undefined ? node.fail("a time, such as 2015-10-31T22:22:56Z") : text;
}

function readList(node: JsonNode): string[] {
  return node.optional((list) => list.strings()) ?? [];
}

/** Docker also takes a command of one word that is written without its list. */
function readCommand(node: JsonNode): string[] {
  return typeof node.value === "string" ? [node.value] : readList(node);
}

/** A set, which Go writes as a map to empty objects. */
function readKeys(node: JsonNode): string[] {
  return node.optional((set) => Object.keys(set.object())) ?? [];
}
