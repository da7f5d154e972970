import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { writeAll } from "../output.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

export function catCommand(context: Context): Command {
  return verb({
    name: "cat",
    summary: "Print a file of an image, without a mount",
    details: "The bytes as they are, whatever --format says.",
    examples: ["layerfs cat nginx /etc/os-release", "layerfs cat docker-archive:images.tar:nginx /etc/os-release"],
  })
    .argument("<image>", READ_OPERAND)
    .argument("<path>", "path inside the image; symlinks are followed inside it")
    .addOption(platformOption())
    .action(async (image: string, path: string, { platform }: SourceChoice, command: Command) => {
      await withSession(context, command, async ({ engine, stdout, signal }) => {
        await writeAll(stdout, await untilAborted(engine.readFile(image, path, { platform, signal }), signal), signal);
      });
    });
}
