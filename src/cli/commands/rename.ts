import type { Command } from "commander";
import type { Context } from "../context.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function renameCommand(context: Context): Command {
  return verb({
    name: "rename",
    summary: "Give a container another name",
    examples: ["layerfs rename web web-old"],
  })
    .argument("<container>", "name or id")
    .argument("<name>", "a name that no other container has")
    .action(async (container: string, name: string, _options: unknown, command: Command) => {
      await withSession(context, command, async ({ engine, print }) => {
        await engine.renameContainer(container, name);
        await print({ name }, () => "");
      });
    });
}
