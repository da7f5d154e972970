import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { printNodes } from "../print-nodes.ts";
import { renderChangeList, renderLongChanges } from "../render/changes.ts";
import { withSession } from "../session.ts";
import { layerOption, platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface LsOptions extends SourceChoice {
  readonly long?: true;
  readonly recursive?: true;
  readonly layer?: number;
  readonly deleted?: true;
}

export function lsCommand(context: Context): Command {
  return verb({
    name: "ls",
    summary: "List the files of an image, without a mount",
    details:
      "One entry a line; control characters and bytes that are not UTF-8 are escaped as \\xNN. Times are UTC. With " +
      "--layer or --deleted each line begins with what became of the path: A added, C changed, D deleted, or nothing.",
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
    .addOption(layerOption("only what this layer added, changed or deleted, and the directories that lead there"))
    .option("--deleted", "what layers have deleted as well")
    .action(async (image: string, path: string, options: LsOptions, command: Command) => {
      const recursive = options.recursive ?? false;
      if (options.layer !== undefined || options.deleted)
        return await listChanges(context, command, image, path, options);
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const pieces = engine.listInPieces(image, path, { recursive, platform: options.platform, signal });
        await printNodes(session, pieces, { long: options.long ?? false, paths: recursive });
      });
    });
}

async function listChanges(
  context: Context,
  command: Command,
  image: string,
  path: string,
  { long, recursive, layer, deleted, platform }: LsOptions,
): Promise<void> {
  const paths = recursive ?? false;
  await withSession(context, command, async (session) => {
    const { engine, signal } = session;
    const call = {
      depth: recursive ? undefined : 1,
      layer,
      deleted: deleted || layer !== undefined,
      changedOnly: layer !== undefined,
      platform,
      signal,
    };
    const all = await untilAborted(engine.listChanges(image, path, call), signal);
    // What was asked for is listed itself only where it is no directory.
    const nodes = all[0]?.kind === "directory" ? all.slice(1) : all;
    await session.print(nodes, () => (long ? renderLongChanges(nodes, paths) : renderChangeList(nodes, paths)));
  });
}
