import { isLayerfsError, LayerfsError, printable } from "../core/errors.ts";
import { parseReference } from "../core/reference.ts";
import { registryOfKey } from "../source/registry/credential-store.ts";
import type { RegistryClient } from "../source/registry/registry-client.ts";
import type { CallOptions } from "./engine.ts";

export interface LoginRequest {
  /** `HOST[:PORT]`, or a URL as Docker takes it. Default: Docker Hub. */
  readonly server?: string | undefined;
  /** Default: what is kept for the registry already, which is verified. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
}

export interface LoginResult {
  /** `docker.io` or `HOST[:PORT]`. */
  readonly registry: string;
  /** Empty where only a token is known. */
  readonly username: string;
  /**
   * Docker's config.json, where the password lies as it is, or the program that keeps it; null: it was kept before.
   */
  readonly place: { readonly file: string } | { readonly helper: string } | null;
}

export interface LogoutResult {
  readonly registry: string;
  /** False: nothing was kept for it. */
  readonly removed: boolean;
}

/** Verifies credentials with the registry, and keeps them where Docker does. */
export async function login(
  registries: RegistryClient,
  { server, credentials }: LoginRequest,
  { signal, onProgress }: CallOptions,
): Promise<LoginResult> {
  const registry = registryOf(server);
  const given = credentials === undefined ? null : { kind: "password" as const, ...credentials };
  const found = await registries.login(registry, given, {
    signal,
    onRetry: onProgress && ((event) => onProgress({ type: "retry", ...event })),
  });
  return { registry, ...found };
}

export async function logout(registries: RegistryClient, server: string | undefined): Promise<LogoutResult> {
  const registry = registryOf(server);
  return { registry, removed: await registries.logout(registry) };
}

/** The registry that a server is: `https://r.example/v1/` is `r.example`. */
function registryOf(server = "docker.io"): string {
  const registry = registryOfKey(server);
  try {
    // What has no dot and no port is a host here all the same, if it would be one with a port.
    const { domain } = parseReference(`${/[.:]|^localhost$/.test(registry) ? registry : `${registry}:443`}/a`);
    if (domain === registry || domain === `${registry}:443`) return registry;
  } catch (error) {
    if (!isLayerfsError(error, "INVALID_REFERENCE")) throw error;
  }
  throw new LayerfsError("USAGE", `registry ${printable(server.slice(0, 200))}: expected HOST[:PORT]`);
}
