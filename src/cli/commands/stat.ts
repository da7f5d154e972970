import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderDetails } from "../render/details.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface StatWords extends SourceChoice {
  readonly dereference?: true;
}

export function statCommand(context: Context): Command {
  return verb({
    name: "stat",
    summary: "Tell all of a file of an image, and which layer it comes from",
    details: "Times are UTC. What the layers below have in the file's place follows, the topmost first.",
    examples: [
      "layerfs stat nginx /etc/os-release",
      "layerfs stat -L oci:layout:latest /etc/os-release",
      "layerfs stat --format '{{.Layer}} {{.DiffID}}' nginx /bin/sh",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .argument("<path>", "path inside the image")
    .option("-L, --dereference", "follow a symlink, inside the image")
    .addOption(platformOption())
    .action(async (image: string, path: string, { dereference, platform }: StatWords, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const call = { followLink: dereference, platform, signal };
        const details = await untilAborted(engine.stat(image, path, call), signal);
        await session.print(details, () => renderDetails(details));
      });
    });
}
