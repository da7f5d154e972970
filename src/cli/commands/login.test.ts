import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type Run, runCommand } from "../../../test/support/command-line.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";

const SERVER = "registry.example:5000";
const nothingKept: Engine["login"] = async ({ server = "docker.io", credentials }) => {
  if (credentials === undefined) throw new LayerfsError("NOT_FOUND", "no credentials are kept for it");
  return { registry: server, username: credentials.username, place: { helper: "docker-credential-pass" } };
};

/** What a person types at a terminal. */
function typing(...lines: readonly string[]): Promise<Run> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  for (const [index, line] of lines.entries()) setTimeout(() => stdin.write(`${line}\n`), 50 + index * 150);
  return runCommand(["login", SERVER], { stdin, engine: { login: nothingKept } });
}

describe("layerfs login", () => {
  it("takes the password from stdin, without the end of its line", async () => {
    const stdin = Readable.from([Buffer.from("sec"), Buffer.from("ret\n")]);
    const { status, stdout, stderr, calls } = await runCommand(["login", "-u", "me", "--password-stdin", SERVER], {
      stdin,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "Login Succeeded\n" });
    expect(stderr).toMatch(
      /^WARNING! Your password will be stored unencrypted in \/home\/me\/\.docker\/config\.json\.\n/,
    );
    expect(calls[0]?.slice(0, 2)).toEqual([
      "login",
      { server: SERVER, credentials: { username: "me", password: "secret" } },
    ]);
  });

  it("warns of a password in the command line, and of none that a helper keeps", async () => {
    const { stdout, stderr } = await runCommand(["login", "-u", "me", "-p", "secret"], {
      engine: { login: nothingKept },
    });
    expect(stdout).toBe("Login Succeeded\n");
    expect(stderr).toBe("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
  });

  it("asks for what is missing at a terminal, and does not show the password", async () => {
    const { status, stdout, stderr, calls } = await typing("me", "secret");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "Login Succeeded\n" });
    expect(calls.at(-2)?.[1]).toEqual({ server: SERVER, credentials: { username: "me", password: "secret" } });
    expect(stderr).toContain("Username: ");
    expect(stderr).toContain("Password: ");
    expect(stderr).not.toContain("secret");
  });

  it("is content with what is kept already", async () => {
    const login: Engine["login"] = async () => ({ registry: SERVER, username: "me", place: null });
    const { status, stdout, stderr } = await runCommand(["login", SERVER], { engine: { login } });
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: "Authenticating with existing credentials...\nLogin Succeeded\n",
      stderr: "",
    });
  });

  it("says why what is kept does not serve any more", async () => {
    const login: Engine["login"] = async () => {
      throw new LayerfsError("UNAUTHORIZED", "registry r: login: access is refused");
    };
    const { status, stderr } = await runCommand(["login", SERVER], { engine: { login } });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Login did not succeed: registry r: login: access is refused\nlayerfs: Cannot perform an/);
  });

  it.each([
    ["both kinds of password", ["-u", "me", "-p", "x", "--password-stdin"], "mutually exclusive"],
    ["a password on stdin without a name", ["--password-stdin"], "Must provide --username with --password-stdin"],
    ["nothing, where nobody can be asked", [SERVER], "Cannot perform an interactive login from a non TTY device"],
  ])("refuses %s", async (_, words, problem) => {
    const { status, stderr } = await runCommand(["login", ...words], { engine: { login: nothingKept } });
    expect(status).toBe(2);
    expect(stderr).toContain(problem);
  });

  it("fails with the registry's word where it does not take the password", async () => {
    const login: Engine["login"] = async () => {
      throw new LayerfsError("UNAUTHORIZED", "registry r: login: access is refused");
    };
    const { status, stdout, stderr } = await runCommand(["login", "-u", "me", "-p", "x"], { engine: { login } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("layerfs: registry r: login: access is refused\n");
  });

  it("gives as JSON who is known where", async () => {
    const { stdout } = await runCommand(["login", "-u", "me", "-p", "x", "--format", "json"], {
      engine: { login: nothingKept },
    });
    expect(JSON.parse(stdout)).toEqual({
      registry: "docker.io",
      username: "me",
      place: { helper: "docker-credential-pass" },
    });
  });
});
