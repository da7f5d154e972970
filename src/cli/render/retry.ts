import type { RetryEvent } from "../../source/registry/retry.ts";

/** What is told of a request to a registry that failed and is repeated. */
export function renderRetry({ registry, reason, wait, asked }: RetryEvent): string {
  const seconds = `${Math.ceil(wait / 1000)} s`;
  if (asked) return `registry ${registry} asks to wait ${seconds}: ${reason}`;
  return `registry ${registry}: ${reason}; ${wait === 0 ? "going on without it" : `trying again in ${seconds}`}`;
}
