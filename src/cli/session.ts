import type { Command } from "commander";
import type { Engine } from "../engine/engine.ts";
import type { Context } from "./context.ts";
import { piecesUntilAborted } from "./interruption.ts";
import { createLog, type Log } from "./log.ts";
import { throwFailures } from "./operands.ts";
import { write, writeAll } from "./output.ts";
import { renderDuplicates } from "./render/duplicates.ts";
import { formatPieces, formatResult } from "./render/format.ts";
import { renderRetry } from "./render/retry.ts";
import { readSettings, type Settings } from "./settings.ts";

/** What a command has while it runs. */
export interface Session extends Context {
  readonly engine: Engine;
  readonly settings: Settings;
  readonly log: Log;
  /**
   * Writes the result to stdout in the form that `--format` asks for; `table` draws it for people, at once or line by line, and `fields` are
   * what templates see, if that is not the result itself.
   */
  readonly print: (result: unknown, table: () => string | Iterable<string>, fields?: () => unknown) => Promise<void>;
  /** The same for an array whose items come some at a time; `table` draws each piece by itself. */
  readonly printPieces: <T>(
    pieces: AsyncIterable<readonly T[]>,
    table: (items: readonly T[]) => string,
  ) => Promise<void>;
}

/** Opens the engine, and closes it whatever `use` does. */
export async function withSession(
  context: Context,
  command: Command,
  use: (session: Session) => Promise<void>,
): Promise<void> {
  const settings = readSettings(command);
  const log = createLog(context.stderr, settings.logLevel, settings.format.kind === "json");
  const engine = await context.openEngine({
    ...settings.engine,
    onRetry: (event) => log.warn(renderRetry(event)),
    onDuplicates: (duplicates) => log.warn(renderDuplicates(duplicates)),
  });
  log.debug(`opened ${engine.root}`);
  const print = printer(context, settings);
  const printPieces: Session["printPieces"] = (pieces, table) =>
    writeAll(
      context.stdout,
      formatPieces(settings.format, piecesUntilAborted(pieces, context.signal), table),
      context.signal,
    );
  const used = await settle(() => use({ ...context, engine, settings, log, print, printPieces }));
  const closed = await settle(async () => engine[Symbol.asyncDispose]());
  throwFailures([...used, ...closed]);
}

/** The `print` of a session, for a command that needs no engine. */
export function printer(context: Context, settings: Settings): Session["print"] {
  return async (result, table, fields) => {
    if (settings.format.kind !== "table") {
      const text = formatResult(settings.format, result, () => "", fields);
      if (text !== "") await write(context.stdout, text);
      return;
    }
    const drawn = table();
    for (const text of typeof drawn === "string" ? [drawn] : gathered(drawn)) {
      if (text !== "") await write(context.stdout, text);
    }
  };
}

/** Lines are written some thousand characters at a time. */
function* gathered(lines: Iterable<string>): Generator<string> {
  let text = "";
  for (const line of lines) {
    text += line;
    if (text.length < 16_384) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** What went wrong: nothing or one error. */
async function settle(action: () => Promise<void>): Promise<unknown[]> {
  try {
    await action();
    return [];
  } catch (error) {
    return [error];
  }
}
