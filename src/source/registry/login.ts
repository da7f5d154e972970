import type { Authorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import type { RegistryHost } from "./registry-host.ts";
import type { RequestOptions } from "./repository.ts";
import { type RetryPolicy, retrying } from "./retry.ts";

/**
 * Asks a registry whether it takes credentials; one that asks nobody takes all. Returns what is to be kept of them: the
 * refresh token that its token server gives for the password, if it gives one. Codes: UNAUTHORIZED, REGISTRY,
 * RATE_LIMITED, CANCELLED.
 */
export async function verifyCredentials(
  host: RegistryHost,
  authorizer: Authorizer,
  credentials: Credentials,
  retry: RetryPolicy,
  { signal, onRetry }: RequestOptions,
): Promise<Credentials> {
  await retrying(retry, { registry: host.name, signal, onRetry }, async () => {
    const answer = await host.send({ method: "GET", to: "", scopes: [], accept: [200], object: "login", signal });
    await answer.discard();
  });
  const token = authorizer.identity();
  return token === null || credentials.kind !== "password"
    ? credentials
    : { kind: "identity", username: credentials.username, token };
}
