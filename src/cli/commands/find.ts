import { type Command, Option } from "commander";
import type { FindOptions } from "../../engine/look/find-nodes.ts";
import type { Context } from "../context.ts";
import { parseDepth, parseKinds, parseNewer, parsePerm, parseSizeTest } from "../find-words.ts";
import { printNodes } from "../print-nodes.ts";
import { withSession } from "../session.ts";
import { layerOption, platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface FindWords extends SourceChoice {
  readonly long?: true;
  readonly name?: string;
  readonly type?: FindOptions["kinds"];
  readonly size?: FindOptions["size"];
  readonly newer?: string;
  readonly newermt?: FindOptions["newer"];
  readonly perm?: FindOptions["mode"];
  readonly layer?: number;
  readonly mindepth?: number;
  readonly maxdepth?: number;
}

export function findCommand(context: Context): Command {
  return verb({
    name: "find",
    summary: "Find files of an image, without a mount",
    details:
      "The tests of find(1), with its one dash or with two; all that are given must hold. Symlinks are not followed. " +
      "Whole paths, one a line; control characters and bytes that are not UTF-8 are escaped as \\xNN.",
    examples: [
      "layerfs find nginx /etc -name '*.conf'",
      "layerfs find -l oci:layout:latest -type f -perm /u=s,g=s",
      "layerfs find nginx --layer 3 --size +1M",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .argument("[path]", "where to begin", "/")
    .option("-l, --long", "mode, owner, size, time and number of the layer as well")
    .option("--name <glob>", "the last name matches: * and ? stand for any characters, [a-z] and [!a-z] for classes")
    .addOption(argument("--type <letters>", "f, d, l, c, b or p, or several with commas", parseKinds))
    .addOption(
      argument("--size <[+-]n[cwbkMG]>", "more, less or just n units, rounded up; b is 512 bytes", parseSizeTest),
    )
    .option("--newer <path>", "changed after this file of the image")
    .addOption(argument("--newermt <time>", "changed after this time, such as 2024-01-31", parseNewer))
    .addOption(argument("--perm <mode>", "these bits; -MODE all of them, /MODE any of them", parsePerm))
    .addOption(layerOption("held by this layer, the lowest is 1"))
    .addOption(argument("--mindepth <n>", "not above this depth; the path itself has depth 0", parseDepth))
    .addOption(argument("--maxdepth <n>", "not below this depth", parseDepth))
    .addOption(platformOption())
    .action(async (image: string, path: string, words: FindWords, command: Command) => {
      if (words.newer !== undefined && words.newermt !== undefined) {
        throw usageError("--newer and --newermt do not go together", "give the later one");
      }
      const { name, type: kinds, size, newer, newermt, perm: mode, layer, mindepth, maxdepth, platform } = words;
      const depths = { minDepth: mindepth, maxDepth: maxdepth };
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const criteria = { name, kinds, size, newer: newer ?? newermt, mode, layer, ...depths, platform, signal };
        const pieces = engine.findInPieces(image, path, criteria);
        await printNodes(session, pieces, { long: words.long ?? false, paths: true });
      });
    });
}

function argument(flags: string, description: string, parse: (text: string) => unknown): Option {
  return new Option(flags, description).argParser((text: string) => parse(text));
}
