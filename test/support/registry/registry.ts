import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram, program, type Requirement } from "../requires.ts";
import type { Certificates } from "./certificates.ts";

export interface RegistryOptions {
  /** Asks for this name and password (Basic). */
  readonly htpasswd?: { readonly user: string; readonly password: string };
  /** Asks for a bearer token; not together with `htpasswd`. */
  readonly tokens?: TokenTrust;
  readonly tls?: Certificates;
  /** Allows blobs and manifests to be deleted. */
  readonly delete?: boolean;
}

/** What a registry has to know of the server whose tokens it takes. */
export interface TokenTrust {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** PEM. */
  readonly rootCertificate: string;
}

/** A registry of the test's own on loopback. Disposing ends it and removes all it holds. */
export interface TestRegistry extends AsyncDisposable {
  /** As it stands in a reference: `127.0.0.1:PORT`. */
  readonly host: string;
  /** `http://127.0.0.1:PORT`, or `https:` with TLS. */
  readonly url: string;
  /** The directory that holds its repositories and blobs. */
  readonly storage: string;
  readonly tls: Certificates | null;
  log(): string;
}

const START_MS = 20_000;

/** What a registry needs of the machine, for `requires`. */
export function registry(): Requirement {
  return program("docker-registry") ?? program("setpriv") ?? program("htpasswd") ?? program("openssl");
}

/** Starts Debian's docker-registry on a free port; resolves once it listens. It ends with this process at the latest. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const place = mkdtempSync(join(tmpdir(), "layerfs-registry-"));
  const storage = join(place, "storage");
  const logFile = join(place, "log");
  mkdirSync(storage);
  writeFileSync(join(place, "config.json"), JSON.stringify(configuration(place, storage, options)));
  const output = openSync(logFile, "w");
  const words = ["--pdeathsig", "KILL", findProgram("docker-registry") ?? "", "serve", join(place, "config.json")];
  const server = spawn("setpriv", words, { stdio: ["ignore", output, output], env: { PATH: process.env.PATH } });
  closeSync(output);
  const log = (): string => readFileSync(logFile, "utf8");
  const dispose = async (): Promise<void> => {
    await end(server);
    rmSync(place, { recursive: true });
  };
  const port = await listeningPort(server, log).catch(async (error: unknown) => {
    await dispose();
    throw error;
  });
  const host = `127.0.0.1:${port}`;
  const url = `${options.tls ? "https" : "http"}://${host}`;
  return { host, url, storage, tls: options.tls ?? null, log, [Symbol.asyncDispose]: dispose };
}

/** JSON is YAML too. */
function configuration(place: string, storage: string, options: RegistryOptions): unknown {
  const file = (name: string, text: string): string => {
    writeFileSync(join(place, name), text, { mode: 0o600 });
    return join(place, name);
  };
  const { htpasswd, tokens, tls } = options;
  const auth = htpasswd
    ? { htpasswd: { realm: "layerfs test", path: file("htpasswd", passwordLine(htpasswd.user, htpasswd.password)) } }
    : tokens && {
        token: {
          realm: tokens.realm,
          service: tokens.service,
          issuer: tokens.issuer,
          rootcertbundle: file("tokens.crt", tokens.rootCertificate),
        },
      };
  return {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: options.delete ?? false } },
    http: {
      // The system picks a free port; the log tells which.
      addr: "127.0.0.1:0",
      secret: "only for this test",
      ...(tls && { tls: { certificate: file("tls.crt", tls.cert), key: file("tls.key", tls.key) } }),
    },
    ...(auth && { auth }),
  };
}

function passwordLine(user: string, password: string): string {
  return execFileSync("htpasswd", ["-niB", "-C", "5", user], { input: password, encoding: "utf8" });
}

async function listeningPort(server: ChildProcess, log: () => string): Promise<string> {
  for (const deadline = Date.now() + START_MS; ; await sleep(10)) {
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(log())?.[1];
    if (port !== undefined) return port;
    if (server.exitCode !== null || server.signalCode !== null || Date.now() > deadline) {
      throw new Error(`docker-registry did not start: ${log().trimEnd().split("\n").slice(-3).join("\n")}`);
    }
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, "exit");
  server.kill("SIGKILL");
  await ended;
}
