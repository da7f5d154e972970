import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderNodes } from "../render/nodes.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface LsOptions extends SourceChoice {
  readonly long?: true;
  readonly recursive?: true;
}

export function lsCommand(context: Context): Command {
  return verb({
    name: "ls",
    summary: "List the files of an image, without a mount",
    details: "One entry a line; control characters and bytes that are not UTF-8 are escaped as \\xNN. Times are UTC.",
    examples: [
      "layerfs ls nginx /etc",
      "layerfs ls -lR oci:layout:latest",
      "layerfs ls --format '{{.Size}} {{.Path}}' nginx /bin",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .argument("[path]", "path inside the image", "/")
    .option("-l, --long", "mode, owner, size, time and number of the layer as well (the lowest is 1, as in explain)")
    .addOption(platformOption())
    .option("-R, --recursive", "all that lies below, with whole paths")
    .action(async (image: string, path: string, options: LsOptions, command: Command) => {
      const recursive = options.recursive ?? false;
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const listed = engine.list(image, path, { recursive, platform: options.platform, signal });
        const nodes = await untilAborted(listed, signal);
        await session.print(nodes, () => renderNodes(nodes, { long: options.long ?? false, paths: recursive }));
      });
    });
}
