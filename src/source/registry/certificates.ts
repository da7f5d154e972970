import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { LayerfsError, printable } from "../../core/errors.ts";
import { fromNodeError } from "../../sys/errno.ts";

/** What a host is verified by, and what we prove ourselves to it with, in node:tls's words. */
export interface Certificates {
  readonly ca?: readonly (string | Buffer)[] | undefined;
  readonly cert?: readonly Buffer[] | undefined;
  readonly key?: readonly Buffer[] | undefined;
}

/**
 * The certificates of a host, `HOST[:PORT]`, in directories laid out as Docker's certs.d: each `*.crt` is a CA beside
 * the system's, each `*.cert` a client's certificate whose key is the `*.key` of that name. Null where no
 * directory is the host's. Fails with USAGE for a certificate without its key or the reverse, with PERMISSION or SYSTEM.
 */
export async function readCertificates(directories: readonly string[], host: string): Promise<Certificates | null> {
  const found: Certificates[] = [];
  for (const directory of directories) {
    const names = await listFiles(join(directory, host));
    if (names !== null) found.push(await readDirectory(join(directory, host), names));
  }
  if (found.length === 0) return null;
  const ca = found.flatMap((one) => one.ca ?? []);
  const cert = found.flatMap((one) => one.cert ?? []);
  const key = found.flatMap((one) => one.key ?? []);
  return { ...(ca.length > 0 && { ca }), ...(cert.length > 0 && { cert, key }) };
}

/** Where systems keep the CAs that they trust, as Go looks for them (crypto/x509/root_linux.go). */
const BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * The CAs that every host may be verified by, as PEM: the system's, as Docker does, or those in SSL_CERT_FILE; where
 * there are none, those that Node.js brings along. NODE_EXTRA_CA_CERTS adds to them.
 */
export async function readRootCertificates(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly (string | Buffer)[]> {
  const extra = environment.NODE_EXTRA_CA_CERTS;
  const more = extra ? [await readPem(extra)] : [];
  for (const path of environment.SSL_CERT_FILE ? [environment.SSL_CERT_FILE] : BUNDLES) {
    const bundle = await tryReadPem(path);
    if (bundle !== null) return [bundle, ...more];
  }
  return [...rootCertificates, ...more];
}

async function readDirectory(directory: string, names: readonly string[]): Promise<Certificates> {
  const read = (name: string): Promise<Buffer> => readPem(join(directory, name));
  const pairs = names.filter((name) => name.endsWith(".cert")).map((name) => name.slice(0, -".cert".length));
  for (const name of names.filter((other) => other.endsWith(".key"))) {
    if (!pairs.includes(name.slice(0, -".key".length))) throw halfPair(directory, name, name.replace(/key$/, "cert"));
  }
  for (const pair of pairs) {
    if (!names.includes(`${pair}.key`)) throw halfPair(directory, `${pair}.cert`, `${pair}.key`);
  }
  return {
    ca: await Promise.all(names.filter((name) => name.endsWith(".crt")).map(read)),
    cert: await Promise.all(pairs.map((pair) => read(`${pair}.cert`))),
    key: await Promise.all(pairs.map((pair) => read(`${pair}.key`))),
  };
}

async function listFiles(directory: string): Promise<string[] | null> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw fromNodeError(error, "read the certificates in", directory);
  }
}

async function tryReadPem(path: string): Promise<Buffer | null> {
  try {
    return await readPem(path);
  } catch (error) {
    if (error instanceof LayerfsError && error.errno === "ENOENT") return null;
    throw error;
  }
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fromNodeError(error, "read the certificate", path);
  }
}

function halfPair(directory: string, there: string, missing: string): LayerfsError {
  return new LayerfsError(
    "USAGE",
    `${printable(directory)}: there is ${printable(there)} but no ${printable(missing)}`,
    {
      hint: "a CA certificate ends in .crt; .cert is a client's, and needs its .key",
    },
  );
}
