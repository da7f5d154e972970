import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { historyFields, renderHistory, renderHistoryIDs } from "../render/history.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface HistoryOptions {
  readonly trunc: boolean;
  readonly human: boolean;
}

export function historyCommand(context: Context): Command {
  return verb({
    name: "history",
    summary: "Show the steps that made an image, the newest first",
    details: "Of most steps the image is not in the store; its id is then <missing>.",
    examples: ["layerfs history nginx", "layerfs history --no-trunc --format '{{.Size}} {{.CreatedBy}}' nginx"],
  })
    .argument("<image>", "name or id")
    .option("--no-trunc", "whole ids and instructions")
    .option("-H, --human", "sizes with units, times as ages (default)", true)
    .option("--no-human", "sizes in bytes, times as they are written")
    .action(async (image: string, options: HistoryOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const steps = await untilAborted(session.engine.history(image), session.signal);
        const view = { whole: !options.trunc, human: options.human, now: session.now() };
        await session.print(
          steps,
          () => (session.settings.quiet ? renderHistoryIDs(steps, view) : renderHistory(steps, view)),
          () => steps.map((step) => historyFields(step, view)),
        );
      });
    });
}
