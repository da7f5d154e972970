import type { Command } from "commander";
import { isLayerfsError, printable } from "../../core/errors.ts";
import type { LoginRequest, LoginResult } from "../../engine/login.ts";
import { ask, readSecret } from "../ask.ts";
import type { Context } from "../context.ts";
import { type Session, withSession } from "../session.ts";
import { registryOptions } from "../settings.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface LoginOptions {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: true;
}

const MAX_PASSWORD = 64 * 1024;
const EXISTING = "Authenticating with existing credentials...\n";
const UNENCRYPTED =
  "Configure a credential helper to remove this warning. See\n" +
  "https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n\n";

export function loginCommand(context: Context): Command {
  const command = verb({
    name: "login",
    summary: "Log in to a registry",
    details:
      "The registry is asked whether it takes the password. It is then kept where Docker keeps it, in " +
      "~/.docker/config.json or with the credential helper that is named there, so that Docker is logged in too. " +
      "In scripts: PROGRAM | layerfs login --username NAME --password-stdin HOST.",
    examples: ["layerfs login registry.example"],
  })
    .argument("[server]", "registry, HOST[:PORT] (default: Docker Hub)")
    .option("-u, --username <name>", "user name")
    .option("-p, --password <password>", "password, which others see in the list of processes")
    .option("--password-stdin", "read the password from stdin");
  for (const option of registryOptions()) command.addOption(option);
  return command.action(async (server: string | undefined, options: LoginOptions, command: Command) => {
    checkOptions(options, context);
    const password = await givenPassword(options, context);
    await withSession(context, command, async (session) => {
      const result = await login(session, server, options.username, password);
      if (result.place !== null && "file" in result.place) warnOfFile(context, result.place.file);
      await session.print(result, () => `${result.place === null ? EXISTING : ""}Login Succeeded\n`);
    });
  });
}

/** In Docker's words. */
function checkOptions({ username, password, passwordStdin }: LoginOptions, { stdin, stderr }: Context): void {
  if (password !== undefined) {
    stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (passwordStdin) throw usageError("--password and --password-stdin are mutually exclusive");
  }
  if (passwordStdin && username === undefined) throw usageError("Must provide --username with --password-stdin");
  if (passwordStdin && stdin.isTTY) {
    throw usageError(
      "requested the password from stdin, but stdin is a terminal",
      "leave --password-stdin out to be asked",
    );
  }
}

async function givenPassword(
  { password, passwordStdin }: LoginOptions,
  { stdin }: Context,
): Promise<string | undefined> {
  if (!passwordStdin) return password;
  const read = await readSecret(stdin, MAX_PASSWORD);
  if (read === null) throw usageError(`the password on stdin has more than ${MAX_PASSWORD} bytes`);
  return read;
}

/** Without a name what is kept for the registry serves, if it still does. */
async function login(
  session: Session,
  server: string | undefined,
  username: string | undefined,
  password: string | undefined,
): Promise<LoginResult> {
  const { engine, signal, stderr } = session;
  if (username === undefined && password === undefined) {
    try {
      return await engine.login({ server }, { signal });
    } catch (error) {
      if (isLayerfsError(error, "UNAUTHORIZED")) stderr.write(`Login did not succeed: ${printable(error.message)}\n`);
      else if (!isLayerfsError(error, "NOT_FOUND")) throw error;
    }
  }
  const credentials = await askFor(session, username, password);
  return engine.login({ server, credentials }, { signal });
}

async function askFor(
  session: Session,
  username: string | undefined,
  password: string | undefined,
): Promise<Required<LoginRequest>["credentials"]> {
  if ((username === undefined || password === undefined) && !session.stdin.isTTY) {
    throw usageError(
      "Cannot perform an interactive login from a non TTY device",
      "give --username, and the password on stdin with --password-stdin",
    );
  }
  const name = username ?? (await ask(session, "Username: ", { secret: false })).trim();
  if (name === "") throw usageError("username is empty");
  const secret = password ?? (await ask(session, "Password: ", { secret: true }));
  if (secret === "") throw usageError("password is empty");
  return { username: name, password: secret };
}

/** In Docker's words. */
function warnOfFile({ stderr }: Context, file: string): void {
  stderr.write(`WARNING! Your password will be stored unencrypted in ${printable(file)}.\n${UNENCRYPTED}`);
}
