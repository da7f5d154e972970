import { Command, CommanderError } from "commander";
import { exitStatus, isLayerfsError, type LayerfsError } from "../core/errors.ts";
import { applyCommand } from "./commands/apply.ts";
import { catCommand } from "./commands/cat.ts";
import { changesCommand } from "./commands/changes.ts";
import { checkCommand } from "./commands/check.ts";
import { commitCommand } from "./commands/commit.ts";
import { compareCommand } from "./commands/compare.ts";
import { copyCommand } from "./commands/copy.ts";
import { cpCommand } from "./commands/cp.ts";
import { createCommand } from "./commands/create.ts";
import { diffCommand } from "./commands/diff.ts";
import { diffTarCommand } from "./commands/diff-tar.ts";
import { explainCommand } from "./commands/explain.ts";
import { exportCommand } from "./commands/export.ts";
import { findCommand } from "./commands/find.ts";
import { historyCommand } from "./commands/history.ts";
import { imagesCommand } from "./commands/images.ts";
import { importCommand } from "./commands/import.ts";
import { infoCommand } from "./commands/info.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { loadCommand } from "./commands/load.ts";
import { loginCommand } from "./commands/login.ts";
import { logoutCommand } from "./commands/logout.ts";
import { lsCommand } from "./commands/ls.ts";
import { mountCommand } from "./commands/mount.ts";
import { psCommand } from "./commands/ps.ts";
import { pullCommand } from "./commands/pull.ts";
import { pushCommand } from "./commands/push.ts";
import { renameCommand } from "./commands/rename.ts";
import { rmCommand } from "./commands/rm.ts";
import { rmiCommand } from "./commands/rmi.ts";
import { saveCommand } from "./commands/save.ts";
import { statCommand } from "./commands/stat.ts";
import { tagCommand } from "./commands/tag.ts";
import { treeCommand } from "./commands/tree.ts";
import { umountCommand } from "./commands/umount.ts";
import { unpackCommand } from "./commands/unpack.ts";
import { versionCommand } from "./commands/version.ts";
import { wasteCommand } from "./commands/waste.ts";
import type { Context } from "./context.ts";
import { withLongFindWords } from "./find-words.ts";
import { Interruption } from "./interruption.ts";
import { isBrokenPipe } from "./output.ts";
import { renderError, renderErrorJSON } from "./render/error.ts";
import { addGlobalOptions, maxConcurrentDownloadsOption, maxLayerSizeOption, registryOptions } from "./settings.ts";
import { usageError } from "./usage.ts";

/** The commands by the headings under which the help lists them. A command's file loads nothing of the engine. */
const GROUPS: readonly (readonly [string, readonly ((context: Context) => Command)[]])[] = [
  [
    "Images:",
    [
      pullCommand,
      pushCommand,
      loadCommand,
      saveCommand,
      importCommand,
      copyCommand,
      imagesCommand,
      inspectCommand,
      historyCommand,
      explainCommand,
      tagCommand,
      rmiCommand,
    ],
  ],
  [
    "An image's files:",
    [
      mountCommand,
      umountCommand,
      unpackCommand,
      lsCommand,
      treeCommand,
      statCommand,
      findCommand,
      catCommand,
      cpCommand,
      exportCommand,
      compareCommand,
      wasteCommand,
    ],
  ],
  ["Containers:", [createCommand, psCommand, diffCommand, commitCommand, renameCommand, rmCommand]],
  ["Registries:", [loginCommand, logoutCommand]],
  ["The store:", [infoCommand, checkCommand, versionCommand]],
  ["Plain directories and layer tars:", [applyCommand, changesCommand, diffTarCommand]],
];

/** The whole command line: verbs, options, help. Parse errors are thrown as LayerfsError USAGE. */
export function buildProgram(context: Context): Command {
  const program = new Command("layerfs")
    .description("Container image layers on Docker's own on-disk layout, without a daemon")
    .usage("[options] COMMAND")
    .enablePositionalOptions()
    .commandsGroup("Help:")
    .helpCommand("help [command]", "Print the help of a command")
    .addHelpText("after", "\nExamples:\n  $ layerfs load -i images.tar\n  $ layerfs explain nginx");
  prepare(program, context);
  const options = [maxLayerSizeOption(), ...registryOptions(), maxConcurrentDownloadsOption()];
  for (const option of options) program.addOption(option.helpGroup("Global options:"));
  for (const [heading, commands] of GROUPS) {
    for (const create of commands) {
      const command = create(context).helpGroup(heading);
      prepare(command, context);
      program.addCommand(command);
    }
  }
  return program;
}

/** Runs one command line (without the program's name) and returns the exit status. Never throws. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  // A write that fails is reported by its callback; without a listener it would end the process as well.
  for (const stream of [context.stdout, context.stderr]) stream.on("error", () => {});
  try {
    await buildProgram(context).parseAsync(withLongFindWords(argv), { from: "user" });
    return 0;
  } catch (error) {
    return report(error, argv, context);
  }
}

function report(error: unknown, argv: readonly string[], context: Context): number {
  const statuses = failuresIn(error, context.signal).map((failure) => {
    if (isBrokenPipe(failure)) return 0;
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? 0 : exitStatus("USAGE");
    context.stderr.write(wants(argv, "--format", "json") ? renderErrorJSON(failure) : renderError(failure));
    if (wants(argv, "--log-level", "debug") && failure instanceof Error) context.stderr.write(`${failure.stack}\n`);
    if (failure instanceof Interruption) return failure.exitStatus;
    return isLayerfsError(failure) ? exitStatus(failure.code) : 1;
  });
  return Math.max(...statuses);
}

/** The failures to report, at least one. What the abort made of the work in hand is told as the interruption it is. */
function failuresIn(error: unknown, signal: AbortSignal): unknown[] {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.flatMap((inner) => failuresIn(inner, signal));
  }
  return [signal.aborted && isCancellation(error) ? signal.reason : error];
}

function isCancellation(error: unknown): boolean {
  return isLayerfsError(error, "CANCELLED") || (error instanceof Error && error.name === "AbortError");
}

/** Looked up in the words themselves, since it must be known also where they cannot be parsed. */
function wants(argv: readonly string[], option: string, value: string): boolean {
  return argv.some((word, index) => word === `${option}=${value}` || (word === option && argv[index + 1] === value));
}

function prepare(command: Command, context: Context): void {
  addGlobalOptions(command);
  command
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => context.stdout.columns || 100,
      getErrHelpWidth: () => context.stderr.columns || 100,
    })
    .exitOverride((error) => {
      throw error.exitCode === 0 || error.code === "commander.help" ? error : asUsageError(error, command);
    });
}

/** Commander's message is `error: …`, with its suggestion, if it has one, on a second line. */
function asUsageError(error: CommanderError, command: Command): LayerfsError {
  const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const path = command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
  const help = `see \`${path} --help\``;
  return usageError(message, suggestion === undefined ? help : `${suggestion.replace(/^\((.*)\)$/, "$1")} ${help}`);
}
