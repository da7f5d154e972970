import type { ImageConfig } from "../core/config.ts";
import { changeConfig } from "../core/config-changes/change-config.ts";
import type { Digest } from "../core/digest.ts";
import { encodeConfig } from "../core/encode-config.ts";
import { asRecord, type JsonRecord } from "../core/json-record.ts";
import { hostPlatform } from "../core/platform.ts";
import { normaliseRunConfig, type RunConfigDocument } from "../core/run-config.ts";
import type { Container } from "./container.ts";
import { mergeEnv } from "./new-documents.ts";

export interface Commit {
  /** Config of the image that the container was made of; null for a container of none. */
  readonly parent: ImageConfig | null;
  /** As `committedRunConfig` gives it. */
  readonly config: RunConfigDocument;
  /** Of the new layer; null where nothing was changed. */
  readonly diffID: Digest | null;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  readonly created: Date;
}

/**
 * The config of an image that is committed from a container, with the fields that Docker 20.10 writes (moby,
 * image/image.go, NewChildImage) but for its own version, and the parent's variant of its architecture, which Docker loses.
 */
export function committedConfig(container: Container, commit: Commit): ImageConfig {
  const { parent, diffID } = commit;
  const raw = parent?.raw ?? {};
  const created = commit.created.toISOString();
  const author = commit.author ? { author: commit.author } : {};
  const command = wordsOf(container.config.Cmd).join(" ");
  const step = {
    created,
    ...author,
    ...(command === "" ? {} : { created_by: command }),
    ...(commit.message ? { comment: commit.message } : {}),
    ...(diffID === null ? { empty_layer: true } : {}),
  };
  return encodeConfig({
    architecture: parent?.architecture ?? hostPlatform().architecture,
    ...optional("variant", raw.variant),
    ...author,
    config: commit.config,
    container: container.id,
    container_config: normaliseRunConfig(container.config),
    created,
    history: [...(Array.isArray(raw.history) ? raw.history : []), step],
    os: parent?.os ?? "linux",
    ...optional("os.features", raw["os.features"]),
    ...optional("os.version", raw["os.version"]),
    rootfs: { type: "layers", diff_ids: [...(parent?.rootfs.diffIDs ?? []), ...(diffID === null ? [] : [diffID])] },
  });
}

/** How the new image's containers run: as this one, after `changes` (instructions of a Dockerfile). Fails as `changeConfig`. */
export function committedRunConfig(container: Container, changes: readonly string[]): RunConfigDocument {
  const before = normaliseRunConfig(container.config);
  return normaliseRunConfig(merged(normaliseRunConfig(changeConfig(before, changes)), before));
}

/** Where a change leaves nothing of a field, the container's own counts (moby, daemon/commit.go, merge). */
function merged(changed: JsonRecord, container: JsonRecord): JsonRecord {
  const filled = { ...changed };
  for (const field of ["User", "WorkingDir", "StopSignal"]) filled[field] = changed[field] || container[field];
  for (const field of ["ExposedPorts", "Volumes", "Labels"]) {
    filled[field] = nonEmpty({ ...asRecord(container[field]), ...asRecord(changed[field]) });
  }
  filled.Labels ??= {};
  const variables = wordsOf(changed.Env);
  filled.Env = variables.length === 0 ? container.Env : mergeEnv(variables, wordsOf(container.Env));
  if (wordsOf(changed.Entrypoint).length === 0) {
    if (wordsOf(changed.Cmd).length === 0) filled.Cmd = container.Cmd;
    filled.Entrypoint ??= container.Entrypoint;
  }
  if (container.Healthcheck !== undefined) {
    const set = Object.entries(asRecord(changed.Healthcheck)).filter(([, value]) => value !== 0);
    filled.Healthcheck = { ...asRecord(container.Healthcheck), ...Object.fromEntries(set) };
  }
  return filled;
}

function nonEmpty(record: JsonRecord): JsonRecord | null {
  return Object.keys(record).length === 0 ? null : record;
}

function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
}

function optional(name: string, value: unknown): JsonRecord {
  return value === undefined || value === null || value === "" ? {} : { [name]: value };
}
