import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { parseDepth } from "../find-words.ts";
import { untilAborted } from "../interruption.ts";
import { renderChangeTree } from "../render/changes.ts";
import { withSession } from "../session.ts";
import { layerOption, platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface TreeWords extends SourceChoice {
  readonly depth?: number;
  readonly layer?: number;
  readonly deleted?: true;
  readonly changed?: true;
  readonly color: "auto" | "always" | "never";
}

export function treeCommand(context: Context): Command {
  return verb({
    name: "tree",
    summary: "Draw the files of an image with their sizes and the layers they come from",
    details:
      "A number is the layer, the lowest is 1; before it stands what the layer did to the path that those below have " +
      "or have not: A added, C changed, D deleted. A directory's size is that of the files in it, one with several " +
      "names counted once.",
    examples: [
      "layerfs tree -d 2 nginx",
      "layerfs tree --layer 3 --changed nginx",
      "layerfs tree --deleted oci:layout:latest /etc",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .argument("[path]", "where to begin", "/")
    .addOption(new Option("-d, --depth <n>", "not deeper than this").argParser((text: string) => parseDepth(text)))
    .addOption(layerOption("the tree up to this layer, and what this one changed alone"))
    .option("--deleted", "what layers have deleted as well")
    .option("--changed", "only what layers have changed, and the directories that lead there")
    .addOption(
      new Option("--color <when>", "mark changes by colours").choices(["auto", "always", "never"]).default("auto"),
    )
    .addOption(platformOption())
    .action(async (image: string, path: string, words: TreeWords, command: Command) => {
      const { depth, layer, deleted, changed: changedOnly, platform } = words;
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const call = { depth, layer, deleted, changedOnly, platform, signal };
        const nodes = await untilAborted(engine.listChanges(image, path, call), signal);
        await session.print(nodes, () => renderChangeTree(nodes, { colour: wantsColour(words, context) }));
      });
    });
}

/** By itself on terminals that know colours, and where nobody is against it (no-color.org). */
function wantsColour({ color }: TreeWords, { stdout, env }: Context): boolean {
  if (color !== "auto") return color === "always";
  return stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
}
