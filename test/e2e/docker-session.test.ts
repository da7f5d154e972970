import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/cli/program.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { type CommandResult, type DockerDaemon, startDockerDaemon } from "../support/docker-daemon.ts";
import { overlay } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { program, requires, root } from "../support/requires.ts";
import type { SessionCommand } from "./docker-session/command.ts";
import { firstPart, secondPart } from "./docker-session/commands.ts";
import { containerPart } from "./docker-session/containers.ts";
import * as images from "./docker-session/images.ts";

const missing = requires(root(), program("dockerd"), program("docker"), program("runc"), program("setpriv"), overlay());
const DRIVER = "overlay2";

let directory: string;
let daemon: DockerDaemon;
let ownRoot: string;
let childID: string;

beforeAll(async () => {
  if (missing !== null) return;
  directory = mkdtempSync(join(tmpdir(), "lfs-"));
  ownRoot = join(directory, "own");
  writeArchives({
    "seed.tar": [images.pulled, images.byDigest],
    "tagged.tar": [images.one, images.two, images.empty, images.running, images.parent],
    "nameless.tar": [images.nameless],
    "new-two.tar": [images.newTwo],
  });
  writeFileSync(join(directory, "damaged.tar"), "no tar");
  await layerfs(["load", "-i", resolveWord("seed.tar")]);
  addDigests();
  copyStore(ownRoot, join(directory, "docker", "root"));
  daemon = await startDockerDaemon(join(directory, "docker"), DRIVER);
});

afterAll(async () => {
  await daemon?.stop();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

describe("a session of image commands, with docker and with layerfs", () => {
  it.each(firstPart.map(named))("%s", async (_, command) => {
    await compare(command);
  });
});

describe("a session on a store with containers and child images", () => {
  beforeAll(() => {
    if (missing !== null) return;
    const container = docker("create", "parent:1");
    childID = docker("commit", container, "child:1").slice("sha256:".length);
    const other = docker("create", "child:1");
    docker("commit", other, "grandchild:1");
    docker("rm", other);
    docker("run", "-d", "--network", "none", "run:1");
    rmSync(ownRoot, { recursive: true });
    copyStore(daemon.root, ownRoot);
  });

  it.each(secondPart.map(named))("%s", async (_, command) => {
    await compare(command);
  });
});

describe("a session of container commands", () => {
  beforeAll(async () => {
    if (missing !== null) return;
    const running = docker("ps", "-q").split("\n").filter(Boolean);
    for (const id of running) docker("kill", id);
    for (const id of docker("ps", "-aq").split("\n").filter(Boolean)) docker("rm", id);
    docker("load", "-i", resolveWord("tagged.tar"));
    rmSync(ownRoot, { recursive: true });
    copyStore(daemon.root, ownRoot);
  });

  it.each(containerPart.map(named))("%s", async (_, command) => {
    await compare(command);
  });
});

function named(command: SessionCommand): [string, SessionCommand] {
  const line = command.argv.map((word) => (/^[\w./:=@-]+$/.test(word) ? word : `'${word}'`)).join(" ");
  return [command.differs === undefined ? line : `${line} (differs: ${command.differs.reason})`, command];
}

async function compare({ argv, layerfs: own = argv, says, differs }: SessionCommand): Promise<void> {
  const theirs = daemon.docker(...argv.map(resolveWord));
  if (says !== undefined) expect(theirs.stderr).toContain(says);
  const ours = await layerfs(own.map(resolveWord));
  if (differs?.status === undefined) expect(ours.status, describeResults(theirs, ours)).toBe(theirs.status);
  else {
    expect(differs.status[0]).toContain(theirs.status);
    expect(ours.status).toBe(differs.status[1]);
  }
  if (differs?.words !== true) expect(words(ours, argv)).toEqual(words(theirs, argv));
}

/** Archives lie in the test's directory; ids of images that docker made are asked for. */
function resolveWord(word: string): string {
  if (word.endsWith(".tar")) return join(directory, word);
  return word === "ID-OF-CHILD" ? childID : word;
}

/**
 * What carries meaning: not who says it, nor the width of columns, nor hints, nor seconds. Rows of one image have no
 * order in docker. Older clients leave a default tag out of "No such image", and take no time for
 * one as long ago as Go can count.
 */
function words({ stdout, stderr }: CommandResult, [verb]: readonly string[]): { stdout: string[]; stderr: string[] } {
  const lines = (text: string): string[] =>
    text
      .split("\n")
      .filter((line) => !/^(hint: |WARNING: IPv4 forwarding is disabled)/.test(line))
      .map((line) => line.replace(/^(layerfs|Error response from daemon|Error|warning): /, ""))
      .map((line) => line.replace(/^(warning|Error): /, ""))
      .map((line) => line.replaceAll(ownRoot, "ROOT").replaceAll(daemon.root, "ROOT"))
      .map((line) => line.replace(/(Less than a second|\d+ seconds?|About a minute) ago/g, "just now"))
      .map((line) => line.replace("292 years ago", "N/A"))
      .map((line) => line.replace(/^(No such image: .*):latest$/, "$1"))
      .map((line) => line.replace(/\s+/g, " ").trim())
      .filter((line) => line !== "");
  const masked = (line: string): string =>
    line.replace(/(?<!sha256:)\b[0-9a-f]{64}\b/g, "ID").replace(/("Hostname":"|container )[0-9a-f]{12}\b/, "$1ID");
  const out = lines(stdout)
    .map(masked)
    .map((line) => (verb === "ps" ? line.replace(/^[0-9a-f]{12}\b/, "ID") : line));
  return { stdout: verb === "images" ? out.sort() : out, stderr: lines(stderr).map(masked) };
}

function describeResults(theirs: CommandResult, ours: CommandResult): string {
  return `docker: ${theirs.stdout}${theirs.stderr}\nlayerfs: ${ours.stdout}${ours.stderr}`;
}

/** One command line on the session's root, in this process. */
async function layerfs(argv: readonly string[]): Promise<CommandResult> {
  const [stdout, stderr] = [capture(), capture()];
  const status = await run(["--root", ownRoot, "--driver", DRIVER, ...argv], {
    openEngine,
    stdin: Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: {},
    signal: new AbortController().signal,
    now: Date.now,
  });
  return { status, stdout: stdout.text(), stderr: stderr.text() };
}

function capture(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

function docker(...argv: readonly string[]): string {
  const { status, stdout, stderr } = daemon.docker(...argv);
  if (status !== 0) throw new Error(`docker ${argv.join(" ")}: ${stderr}`);
  return stdout.trim();
}

function writeArchives(archives: Readonly<Record<string, readonly TestImage[]>>): void {
  for (const [name, contents] of Object.entries(archives)) {
    writeFileSync(join(directory, name), dockerArchive(contents));
  }
}

/** The names that a pull by tag or by digest leaves. */
function addDigests(): void {
  const path = join(ownRoot, "image", DRIVER, "repositories.json");
  const { Repositories: all } = JSON.parse(readFileSync(path, "utf8"));
  const { mirror, pulled, byDigest } = images.manifests;
  all["mirror.example/p"][`mirror.example/p@${mirror}`] = images.idOf(images.pulled);
  all.pulled[`pulled@${pulled}`] = images.idOf(images.pulled);
  all["digest-only"] = { [`digest-only@${byDigest}`]: images.idOf(images.byDigest) };
  writeFileSync(path, JSON.stringify({ Repositories: all }));
}

/** What dockerd and layerfs share of a data root, without what either keeps for itself. */
function copyStore(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  const shared = ["image", DRIVER, "containers"].map((name) => join(from, name)).filter((path) => existsSync(path));
  const { status, stderr } = spawnSync("cp", ["-a", ...shared, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cp: ${stderr}`);
}
