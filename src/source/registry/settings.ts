import { homedir } from "node:os";
import { join } from "node:path";
import type { RetryPolicy } from "./retry.ts";

/** How registries are reached, as plain data; all of it has a default. */
export interface RegistrySettings {
  /** `HOST[:PORT]` or CIDR, as dockerd's --insecure-registry: no certificate is verified there, and http will do. */
  readonly insecureRegistries?: readonly string[] | undefined;
  /** URLs that are asked before docker.io for what is fetched from it, as dockerd's --registry-mirror. */
  readonly mirrors?: readonly string[] | undefined;
  /** Each with `HOST[:PORT]/*.crt` (CA), `*.cert` and `*.key` (client). Default: Docker's, and the user's own. */
  readonly certificateDirectories?: readonly string[] | undefined;
  /** Where `config.json` with the credentials lies. Default: DOCKER_CONFIG, else `~/.docker`. */
  readonly dockerConfigDirectory?: string | undefined;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read there. Default: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly userAgent?: string | undefined;
  /** Bytes a chunk of an upload; default: a blob is sent in one piece, unless the registry wants chunks. */
  readonly uploadChunkSize?: number | undefined;
  /** Milliseconds without a byte after which a connection counts as broken. Default: 60 seconds. */
  readonly stallTimeout?: number | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** The same with every default filled in. */
export type ResolvedSettings = {
  readonly [K in keyof RegistrySettings]-?: K extends "uploadChunkSize"
    ? number | null
    : K extends "retry"
      ? RetryPolicy
      : Exclude<RegistrySettings[K], undefined>;
};

const RETRY: RetryPolicy = { attempts: 6, firstWait: 500, longestWait: 15_000, longestRetryAfter: 120_000 };

export function resolveSettings(settings: RegistrySettings): ResolvedSettings {
  const environment = settings.environment ?? process.env;
  const home = environment.HOME || homedir();
  return {
    insecureRegistries: settings.insecureRegistries ?? [],
    mirrors: settings.mirrors ?? [],
    certificateDirectories: settings.certificateDirectories ?? [
      "/etc/docker/certs.d",
      join(home, ".config/docker/certs.d"),
    ],
    dockerConfigDirectory: settings.dockerConfigDirectory ?? (environment.DOCKER_CONFIG || join(home, ".docker")),
    environment,
    userAgent: settings.userAgent ?? "layerfs",
    uploadChunkSize: settings.uploadChunkSize ?? null,
    stallTimeout: settings.stallTimeout ?? 60_000,
    retry: { ...RETRY, ...settings.retry },
  };
}
