import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { COMPARISON_PARTS, type ComparisonPart, renderComparison } from "../render/comparison.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface CompareWords extends SourceChoice {
  readonly only?: ComparisonPart;
}

export function compareCommand(context: Context): Command {
  return verb({
    name: "compare",
    summary: "Tell what turns one image into another",
    details:
      "Files that were added (A), changed (C) or deleted (D), with the layer that has them, by content, mode, owner and " +
      "attributes, not by time; packages of dpkg, apk and npm; the config and the history.",
    examples: [
      "layerfs compare nginx:1.24 nginx:1.25",
      "layerfs compare --only packages nginx oci:layout:latest",
      "layerfs compare --format json docker-archive:old.tar docker-archive:new.tar",
    ],
  })
    .argument("<before>", READ_OPERAND)
    .argument("<after>", "the same")
    .addOption(new Option("--only <part>", "print only this").choices(COMPARISON_PARTS))
    .addOption(platformOption())
    .action(async (before: string, after: string, { only, platform }: CompareWords, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const comparison = await untilAborted(engine.compare(before, after, { platform, signal }), signal);
        const result = only === undefined ? comparison : comparison[only];
        await session.print(result, () => renderComparison(comparison, only === undefined ? COMPARISON_PARTS : [only]));
      });
    });
}
