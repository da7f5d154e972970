import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderPlainChanges } from "../render/changes.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function diffCommand(context: Context): Command {
  return verb({
    name: "diff",
    summary: "List what was changed in a container",
    details:
      "A line for each path that was added (A), changed (C) or deleted (D) since the container was made, by the rules " +
      "of `docker diff` and sorted by path; control characters and bytes that are not UTF-8 are escaped as \\xNN.",
    examples: ["layerfs diff web"],
  })
    .argument("<container>", "name or id")
    .action(async (container: string, _options: unknown, command: Command) => {
      await withSession(context, command, async (session) => {
        const changes = await untilAborted(session.engine.diff(container), session.signal);
        await session.print(changes, () => renderPlainChanges(changes));
      });
    });
}
