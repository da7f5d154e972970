import { type ErrorCode, isLayerfsError } from "../../core/errors.ts";
import type { RegistryHost } from "./registry-host.ts";
import type { RequestOptions } from "./repository.ts";
import { type RetryOptions, type RetryPolicy, reasonOf, retrying } from "./retry.ts";

/** The hosts that have a repository, and what is asked of them. */
export interface RepositoryHosts {
  /** The registry itself, to which everything is sent. */
  readonly origin: RegistryHost;
  /** Asked first for what is fetched; one that failed is not asked again for this repository. */
  readonly mirrors: RegistryHost[];
  /** `library/nginx`. */
  readonly path: string;
  readonly retry: RetryPolicy;
  readonly uploadChunkSize: number | null;
}

export function pullScopes({ path }: Pick<RepositoryHosts, "path">): string[] {
  return [`repository:${path}:pull`];
}

export function pushScopes({ path }: Pick<RepositoryHosts, "path">): string[] {
  return [`repository:${path}:pull,push`];
}

export function retryOptions({ name }: RegistryHost, { signal, onRetry }: RequestOptions): RetryOptions {
  return { registry: name, signal, onRetry };
}

/** What `attempt` gets from a mirror, else from the registry itself, which is asked again after a passing failure. */
export async function fetching<T>(
  hosts: RepositoryHosts,
  options: RequestOptions,
  attempt: (host: RegistryHost) => Promise<T>,
): Promise<T> {
  for (let mirror = hosts.mirrors[0]; mirror !== undefined; mirror = hosts.mirrors[0]) {
    try {
      return await attempt(mirror);
    } catch (error) {
      dropMirror(hosts, mirror, error, options);
    }
  }
  return await retrying(hosts.retry, retryOptions(hosts.origin, options), () => attempt(hosts.origin));
}

/**
 * A mirror is a help, not a judge: whatever it refuses, the registry itself is asked. What is no fault of the mirror is
 * thrown. `onRetry` is told, but not of what a mirror only does not have.
 */
export function dropMirror(
  { mirrors }: RepositoryHosts,
  mirror: RegistryHost,
  error: unknown,
  { onRetry }: RequestOptions,
): void {
  if (!isLayerfsError(error) || !MIRROR_FAULTS.has(error.code)) throw error;
  const index = mirrors.indexOf(mirror);
  if (index !== -1) mirrors.splice(index, 1);
  if (error.code === "NOT_FOUND") return;
  onRetry?.({
    registry: mirror.name,
    reason: reasonOf(error, mirror.name),
    wait: 0,
    asked: false,
    attempt: 1,
    attempts: 1,
  });
}

const MIRROR_FAULTS: ReadonlySet<ErrorCode> = new Set([
  "REGISTRY",
  "NOT_FOUND",
  "UNAUTHORIZED",
  "RATE_LIMITED",
  "DIGEST_MISMATCH",
  "UNSUPPORTED",
  "INVALID_MANIFEST",
  "LIMIT_EXCEEDED",
]);
