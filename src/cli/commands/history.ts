import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { historyFields, renderHistory, renderHistoryIDs } from "../render/history.ts";
import { withSession } from "../session.ts";
import { IMAGE_OPERAND, platformOption, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface HistoryOptions extends SourceChoice {
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
    .argument("<image>", IMAGE_OPERAND)
    .addOption(platformOption())
    .option("--no-trunc", "whole ids and instructions")
    .option("-H, --human", "sizes with units, times as ages (default)", true)
    .option("--no-human", "sizes in bytes, times as they are written")
    .action(async (image: string, options: HistoryOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const call = { platform: options.platform, signal: session.signal };
        const steps = await untilAborted(session.engine.history(image, call), session.signal);
        const view = { whole: !options.trunc, human: options.human, now: session.now() };
        await session.print(
          steps,
          () => (session.settings.quiet ? renderHistoryIDs(steps, view) : renderHistory(steps, view)),
          () => steps.map((step) => historyFields(step, view)),
        );
      });
    });
}
