import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeAll } from "../output.ts";
import { withSession } from "../session.ts";
import { refuseTerminalOutput } from "../usage.ts";
import { verb } from "../verb.ts";

export function diffTarCommand(context: Context): Command {
  return verb({
    name: "diff-tar",
    summary: "Write the layer tar that turns one directory tree into another to stdout",
    details: "The same trees give the same bytes.",
    examples: ["layerfs diff-tar old new >layer.tar"],
  })
    .argument("<old>", "directory before")
    .argument("<new>", "directory after")
    .action(async (before: string, after: string, _options: unknown, command: Command) => {
      refuseTerminalOutput(context.stdout, "redirect it: layerfs diff-tar OLD NEW >layer.tar");
      await withSession(context, command, async ({ engine, stdout, signal }) => {
        await writeAll(stdout, engine.diffTar(before, after), signal);
      });
    });
}
