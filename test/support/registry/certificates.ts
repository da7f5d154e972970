import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its key, and the authority that signed it, all as PEM. */
export interface Certificates {
  /** What a client has to trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const EXTENSIONS = `
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1, DNS:r.example
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
`;

/** For a server on loopback, which behind a proxy may be `r.example` too, or for its client; with an authority of its own. Needs openssl. */
export function makeCertificates(use: "server" | "client" = "server"): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-certificates-"));
  const openssl = (...words: readonly string[]): unknown =>
    execFileSync("openssl", words, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  const sign = (name: string, section: string, ...signer: readonly string[]): void => {
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=layerfs test ${name}`, "-out", `${name}.csr`);
    const how = ["-days", "2", "-extfile", "extensions", "-extensions", section, "-set_serial", "1"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...signer, ...how, "-out", `${name}.crt`);
  };
  try {
    writeFileSync(join(directory, "extensions"), EXTENSIONS);
    sign("authority", "authority", "-signkey", "authority.key");
    sign("leaf", use, "-CA", "authority.crt", "-CAkey", "authority.key");
    const read = (name: string): string => readFileSync(join(directory, name), "utf8");
    return { ca: read("authority.crt"), cert: read("leaf.crt"), key: read("leaf.key") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
