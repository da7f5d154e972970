import { spawn } from "node:child_process";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { Credentials } from "./credentials.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A program may ask its user to unlock a key ring. */
const TIMEOUT_MS = 120_000;
const LAST_WORDS_MS = 1000;
const MAX_OUTPUT = 256 * 1024;
/** The name that a helper gives a refresh token (docker/cli, cli/config/credentials/native_store.go). */
const TOKEN_USER = "<token>";
/** What a helper says by its protocol, in words, where it has none (docker-credential-helpers, credentials/error.go). */
const NOT_FOUND = "credentials not found in native keychain";

/** Programs `docker-credential-NAME`, which keep credentials for Docker. Fails with SYSTEM; nothing secret is told. */
export interface CredentialHelper {
  get(server: string): Promise<Credentials | null>;
  store(server: string, credentials: Credentials): Promise<void>;
  /** Erasing what is not there succeeds. */
  erase(server: string): Promise<void>;
}

/** The protocol: a verb as the argument, a server or JSON on stdin, JSON or an error's text on stdout. */
export function credentialHelper(name: string, environment: Environment): CredentialHelper {
  const program = `docker-credential-${name}`;
  return {
    get: async (server) => {
      const { status, output } = await run(program, "get", server, environment);
      if (status !== 0 && output.trim().startsWith(NOT_FOUND)) return null;
      if (status !== 0) throw failed(program, "get", status);
      return readAnswer(program, output);
    },
    store: async (server, credentials) => {
      const { status } = await run(program, "store", JSON.stringify(writeRequest(server, credentials)), environment);
      if (status !== 0) throw failed(program, "store", status);
    },
    erase: async (server) => {
      const { status, output } = await run(program, "erase", server, environment);
      if (status !== 0 && !output.trim().startsWith(NOT_FOUND)) throw failed(program, "erase", status);
    },
  };
}

function writeRequest(server: string, credentials: Credentials): Readonly<Record<string, string>> {
  if (credentials.kind === "password") {
    return { ServerURL: server, Username: credentials.username, Secret: credentials.password };
  }
  return { ServerURL: server, Username: TOKEN_USER, Secret: credentials.token };
}

function readAnswer(program: string, output: string): Credentials | null {
  const answer = parse(output);
  if (typeof answer?.Username !== "string" || typeof answer.Secret !== "string") {
    throw new LayerfsError("SYSTEM", `credential helper ${program}: expected JSON with Username and Secret`);
  }
  const { Username: username, Secret: secret } = answer;
  if (username === TOKEN_USER) return { kind: "identity", username: "", token: secret };
  return username === "" && secret === "" ? null : { kind: "password", username, password: secret };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? (value as Record<string, unknown> | null) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

interface Outcome {
  /** The exit status, or the name of the signal that ended it. */
  readonly status: number | string;
  readonly output: string;
}

function run(program: string, verb: string, input: string, environment: Environment): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [verb], {
      env: environment as NodeJS.ProcessEnv,
      // What it has to say to its user, such as that a key ring is locked, it says itself.
      stdio: ["pipe", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_OUTPUT) chunks.push(chunk);
      else child.kill("SIGKILL");
    });
    child.on("error", (error: NodeJS.ErrnoException) => reject(notStarted(program, error)));
    // What it started itself may still hold its stdout; its own words are read within moments.
    let ending: NodeJS.Timeout | undefined;
    child.on("exit", (_status, signal) => {
      ending = setTimeout(() => child.stdout.destroy(), signal === null ? LAST_WORDS_MS : 0);
    });
    child.on("close", (status, signal) => {
      clearTimeout(ending);
      resolve({ status: status ?? signal ?? "no status", output: Buffer.concat(chunks).toString("utf8") });
    });
    // It may end without having read what it was asked.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function notStarted(program: string, error: NodeJS.ErrnoException): LayerfsError {
  const errno = error.code ?? "unknown";
  return new LayerfsError("SYSTEM", `credential helper ${printable(program)}: it cannot be started: ${errno}`, {
    hint: "install it, or take it out of credsStore or credHelpers in Docker's config.json",
    cause: error,
    errno,
  });
}

function failed(program: string, verb: string, status: number | string): LayerfsError {
  return new LayerfsError("SYSTEM", `credential helper ${program} ${verb}: it ended with ${status}`, {
    hint: `try it by hand: echo REGISTRY | ${program} get`,
  });
}
