import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderNodes } from "../render/nodes.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface LsOptions {
  readonly long?: true;
  readonly recursive?: true;
}

export function lsCommand(context: Context): Command {
  return verb({
    name: "ls",
    summary: "List the files of an image, without a mount",
    details: "One entry a line; control characters and bytes that are not UTF-8 are escaped as \\xNN. Times are UTC.",
    examples: ["layerfs ls nginx /etc", "layerfs ls -lR nginx", "layerfs ls --format '{{.Size}} {{.Path}}' nginx /bin"],
  })
    .argument("<image>", "name or id")
    .argument("[path]", "path inside the image", "/")
    .option("-l, --long", "mode, owner, size, time and number of the layer as well (the lowest is 1, as in explain)")
    .option("-R, --recursive", "all that lies below, with whole paths")
    .action(async (image: string, path: string, options: LsOptions, command: Command) => {
      const recursive = options.recursive ?? false;
      await withSession(context, command, async (session) => {
        const nodes = await untilAborted(session.engine.list(image, path, { recursive }), session.signal);
        await session.print(nodes, () => renderNodes(nodes, { long: options.long ?? false, paths: recursive }));
      });
    });
}
