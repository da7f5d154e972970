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
 * those that Node.js knows, each `*.cert` a client's certificate whose key is the `*.key` of that name. Null where no
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
  return {
    ...(ca.length > 0 && { ca: [...rootCertificates, ...ca] }),
    ...(cert.length > 0 && { cert, key }),
  };
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
