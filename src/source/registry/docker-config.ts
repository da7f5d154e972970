import { mkdirSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LayerfsError, printable } from "../../core/errors.ts";
import { MAX_JSON_BYTES } from "../../core/json.ts";
import { writeFileDurably } from "../../sys/durable.ts";
import { fromNodeError } from "../../sys/errno.ts";
import type { Credentials } from "./credentials.ts";

/*
 * Docker's `config.json`, as far as it is about credentials (docker/cli, cli/config/configfile). Nothing that stands in
 * it is ever shown, as any of it may be a secret.
 */

/** The whole document; what is not known here is kept when it is written. */
export interface DockerConfig {
  readonly path: string;
  readonly document: Readonly<Record<string, unknown>>;
}

const NAME = "config.json";

/** Reads the configuration in a directory; empty where there is none. Fails with INVALID_CONFIG, PERMISSION or SYSTEM. */
export async function readDockerConfig(directory: string): Promise<DockerConfig> {
  const path = join(directory, NAME);
  const text = await readText(path);
  const document = text === null || text.trim() === "" ? {} : parse(path, text);
  if (isObject(document)) return { path, document };
  throw invalid(path, "expected a JSON object");
}

/** The registries of `auths`, which also names those whose credentials lie with a helper. */
export function listedRegistries(config: DockerConfig): string[] {
  return Object.keys(section(config, "auths"));
}

/** The helper `docker-credential-NAME` that is asked for one of the registry's names; null: none. */
export function helperFor(config: DockerConfig, names: readonly string[]): string | null {
  const helpers = section(config, "credHelpers");
  const name = names.map((one) => ownValue(helpers, one)).find((helper) => helper !== undefined);
  const helper = name ?? config.document.credsStore ?? "";
  if (helper === "") return null;
  if (typeof helper === "string" && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(helper)) return helper;
  throw invalid(config.path, "expected the name of a credential helper, as in docker-credential-NAME");
}

/** The credentials that the file itself has under one of the names; null: none. */
export function listedCredentials(config: DockerConfig, names: readonly string[]): Credentials | null {
  const auths = section(config, "auths");
  for (const name of names) {
    const entry = ownValue(auths, name);
    if (entry === undefined || entry === null) continue;
    if (!isObject(entry)) throw invalid(config.path, `auths: expected an object for ${printable(name)}`);
    return readEntry(config, name, entry);
  }
  return null;
}

/** Writes the file with `entry` under that name in `auths`, or without that name where it is null. */
export async function writeListed(
  config: DockerConfig,
  name: string,
  entry: Readonly<Record<string, string>> | null,
): Promise<void> {
  const auths = { ...section(config, "auths") };
  delete auths[name];
  if (entry !== null) auths[name] = entry;
  const text = `${JSON.stringify({ ...config.document, auths }, null, "\t")}\n`;
  try {
    mkdirSync(dirname(config.path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fromNodeError(error, "create", dirname(config.path));
  }
  writeFileDurably(await target(config.path), text, { mode: 0o600 });
}

function readEntry(config: DockerConfig, name: string, entry: Readonly<Record<string, unknown>>): Credentials | null {
  const text = (field: string): string => {
    const value = ownValue(entry, field) ?? "";
    if (typeof value === "string") return value;
    throw invalid(config.path, `auths: ${printable(name)}: expected a string as ${field}`);
  };
  const packed = text("auth");
  const [username, password] = packed === "" ? [text("username"), text("password")] : unpack(config, name, packed);
  if (text("identitytoken") !== "") return { kind: "identity", username, token: text("identitytoken") };
  if (text("registrytoken") !== "") return { kind: "registry", token: text("registrytoken") };
  return username === "" && password === "" ? null : { kind: "password", username, password };
}

/** `user:password` in base64; old versions of Docker padded it with zeros. */
function unpack(config: DockerConfig, name: string, packed: string): [string, string] {
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(packed) ? Buffer.from(packed, "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  if (colon === -1) throw invalid(config.path, `auths: ${printable(name)}: expected USER:PASSWORD in base64 as auth`);
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, "")];
}

function section({ path, document }: DockerConfig, name: string): Readonly<Record<string, unknown>> {
  const value = ownValue(document, name) ?? {};
  if (isObject(value)) return value;
  throw invalid(path, `${name}: expected an object`);
}

function ownValue(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function readText(path: string): Promise<string | null> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length <= MAX_JSON_BYTES) return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw fromNodeError(error, "read", path);
  }
  throw invalid(path, `it has more than ${MAX_JSON_BYTES} bytes`);
}

/** The engine's own message shows a piece of the text, so that it is not passed on. */
function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(path, "it is not JSON");
  }
}

/** The file itself, where its name is a link to it. */
async function target(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw fromNodeError(error, "find", path);
  }
}

function invalid(path: string, problem: string): LayerfsError {
  return new LayerfsError("INVALID_CONFIG", `${printable(path)}: ${problem}`, {
    hint: "mend it, or name another directory with DOCKER_CONFIG",
  });
}
