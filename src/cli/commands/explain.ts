import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderExplanation } from "../render/explanation.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface ExplainOptions {
  readonly trunc: boolean;
}

export function explainCommand(context: Context): Command {
  return verb({
    name: "explain",
    summary: "Show the stack of layers that an image is made of",
    details:
      "From the topmost layer down: what made it, its diffID (the digest of its tar) and chainID (the digest of it and " +
      "all below), where its files lie, and which other images stand on it. Last the mount command that joins them.",
    examples: ["layerfs explain nginx", "layerfs explain --format '{{.MountCommand}}' nginx"],
  })
    .argument("<image>", "name or id")
    .option("--no-trunc", "whole instructions")
    .action(async (image: string, options: ExplainOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const explanation = await untilAborted(session.engine.explain(image), session.signal);
        const view = { fullInstructions: !options.trunc, now: session.now() };
        await session.print(explanation, () => renderExplanation(explanation, view));
      });
    });
}
