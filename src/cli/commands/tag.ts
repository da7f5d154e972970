import type { Command } from "commander";
import type { Context } from "../context.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function tagCommand(context: Context): Command {
  return verb({
    name: "tag",
    summary: "Give an image one more name",
    details: "Another image that has the name loses it. Without a tag the name gets `latest`.",
    examples: ["layerfs tag nginx:1.27 registry.example/web:stable", "layerfs tag 3f4f8a6b2c1d nginx"],
  })
    .argument("<source>", "name or id")
    .argument("<target>", "the new name, REPOSITORY[:TAG]")
    .action(async (source: string, target: string, _options: unknown, command: Command) => {
      await withSession(context, command, async (session) => {
        const tagged = await session.engine.tag(source, target);
        await session.print(tagged, () => "");
      });
    });
}
