export interface PasswordCredentials {
  readonly kind: "password";
  readonly username: string;
  readonly password: string;
}

/** What somebody proves to a registry who they are with. */
export type Credentials =
  | PasswordCredentials
  /** A refresh token of the registry's token server; it is exchanged for access tokens. */
  | { readonly kind: "identity"; readonly username: string; readonly token: string }
  /** A bearer token, sent as it is. */
  | { readonly kind: "registry"; readonly token: string };

/** `Authorization` for a password; null for the other kinds. */
export function basicHeader(credentials: Credentials): string | null {
  if (credentials.kind !== "password") return null;
  const { username, password } = credentials;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
