import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderPlainChanges } from "../render/changes.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function changesCommand(context: Context): Command {
  return verb({
    name: "changes",
    summary: "List what differs between two directory trees",
    details:
      "A line for each path that was added (A), changed (C) or deleted (D), as `docker diff` prints it; control " +
      "characters and bytes that are not UTF-8 are escaped as \\xNN.",
    examples: ["layerfs changes old new"],
  })
    .argument("<old>", "directory before")
    .argument("<new>", "directory after")
    .action(async (before: string, after: string, _options: unknown, command: Command) => {
      await withSession(context, command, async (session) => {
        const changes = await untilAborted(session.engine.changes(before, after), session.signal);
        await session.print(changes, () => renderPlainChanges(changes));
      });
    });
}
