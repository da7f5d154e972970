import { type Command, Option } from "commander";
import type { CreateContainerOptions } from "../../engine/containers/create-container.ts";
import type { Context } from "../context.ts";
import { withSession } from "../session.ts";
import { collect } from "../settings.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface CreateOptions {
  readonly name?: string;
  readonly entrypoint?: string;
  readonly env?: readonly string[];
  readonly label?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly network?: "host" | "none";
  readonly readOnly?: true;
  readonly volume?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly platform?: string;
}

export function createCommand(context: Context): Command {
  const several = (flags: string, description: string): Option => new Option(flags, description).argParser(collect);
  return verb({
    name: "create",
    summary: "Make a container of an image, with a layer of its own for what is changed in it",
    details:
      "The id is printed. Nothing is run: what the options say is kept with the container, in Docker's form, so that a " +
      "dockerd on the same data root can start it. What is not said is the image's.",
    examples: ["layerfs create --name web nginx", "layerfs create -e MODE=test -w /srv --network none nginx ls -l"],
  })
    .usage("[options] IMAGE [COMMAND] [ARG...]")
    .argument("<image>", "name or id")
    .argument("[command...]", "in place of the image's; what follows the image is no option")
    .passThroughOptions()
    .option("--name <name>", "default: one that is invented")
    .option("--entrypoint <program>", 'in place of the image\'s; "" for none')
    .addOption(
      several("-e, --env <name=value>", "variable of the environment; a name alone: as it is here, repeatable"),
    )
    .addOption(several("-l, --label <key=value>", "repeatable"))
    .option("-w, --workdir <path>", "working directory, made where it is missing")
    .option("-u, --user <user>", "NAME|UID[:GROUP|GID]")
    .option("--hostname <name>", "default: the first 12 digits of the id")
    .addOption(new Option("--network <mode>", "the machine's network, or none").choices(["host", "none"]))
    .option("--read-only", "nothing but volumes is writable while it runs")
    .addOption(several("-v, --volume <[source:]path[:mode]>", "directory or volume to mount while it runs, repeatable"))
    .addOption(several("--tmpfs <path[:options]>", "repeatable"))
    .option("--platform <platform>", "OS/ARCHITECTURE[/VARIANT] that the image must have")
    .action(async (image: string, words: string[], options: CreateOptions, command: Command) => {
      const request = requestOf(words, options, context.env);
      await withSession(context, command, async ({ engine, print, signal }) => {
        const created = await engine.createContainer(image, { ...request, signal });
        await print(created, () => `${created.id}\n`);
      });
    });
}

function requestOf(
  command: readonly string[],
  options: CreateOptions,
  env: Readonly<Record<string, string | undefined>>,
): CreateContainerOptions {
  const { workdir, env: variables, label, volume, ...same } = options;
  return {
    ...same,
    command,
    workingDir: workdir,
    env: variables?.map((text) => variable(text, env)),
    labels: label === undefined ? undefined : new Map(label.map(parseLabel)),
    volumes: volume,
  };
}

/** A name alone is as it is in the environment, if it is there. */
function variable(text: string, env: Readonly<Record<string, string | undefined>>): string {
  if (text.startsWith("="))
    throw usageError(`invalid argument "${text}" for "-e, --env" flag: invalid environment variable: ${text}`);
  const value = env[text];
  return text.includes("=") || value === undefined ? text : `${text}=${value}`;
}

function parseLabel(text: string): readonly [string, string] {
  if (text.startsWith("="))
    throw usageError(`invalid argument "${text}" for "-l, --label" flag: invalid label '${text}': empty name`);
  const equals = text.indexOf("=");
  return equals === -1 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}
