import { type Command, Option } from "commander";
import { LayerfsError } from "../../core/errors.ts";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderRules, renderWaste } from "../render/waste.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";
import { checkRules, DEFAULT_RULES, parseBytes, parseRatio, type WasteRules } from "../waste-rules.ts";

interface WasteWords extends SourceChoice, WasteRules {
  readonly all?: true;
  readonly ci?: true;
  readonly duplicates: boolean;
}

const SHOWN_ROWS = 10;

export function wasteCommand(context: Context): Command {
  return verb({
    name: "waste",
    summary: "Tell what an image carries that nobody sees, or sees twice",
    details:
      "Efficiency and wasted bytes are counted as dive does it. With --ci the status is 1 where one of dive's three " +
      "rules fails; a rule is switched off by `disabled`.",
    examples: [
      "layerfs waste nginx",
      "layerfs waste --format '{{.Efficiency}}' oci:layout:latest",
      "layerfs waste --ci --lowestEfficiency 0.95 --highestWastedBytes 20MB docker-archive:image.tar",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .option("--all", `all files, not only the ${SHOWN_ROWS} largest of each list`)
    .option("--no-duplicates", "do not look for files with the same content, for which files are read")
    .option("--ci", "check the rules")
    .addOption(ratioRule("lowestEfficiency", "from 0 to 1"))
    .addOption(rule("highestWastedBytes", "such as 20MB", parseBytes))
    .addOption(ratioRule("highestUserWastedPercent", "of what is above the lowest layer, from 0 to 1"))
    .addOption(platformOption())
    .action(async (image: string, words: WasteWords, command: Command) => {
      const { platform, ci } = words;
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const call = { platform, signal, duplicates: words.duplicates && !ci };
        const waste = await untilAborted(engine.waste(image, call), signal);
        const rules = ci ? checkRules(words, waste) : null;
        await session.print(rules === null ? waste : { ...waste, rules }, () =>
          [renderWaste(waste, words.all ? null : SHOWN_ROWS), rules === null ? "" : renderRules(rules)].join(""),
        );
        const failed = rules?.filter(({ status }) => status === "fail").map((result) => result.rule) ?? [];
        if (failed.length === 0) return;
        throw new LayerfsError("LIMIT_EXCEEDED", `${image}: too much waste: ${failed.join(", ")}`);
      });
    });
}

function ratioRule(name: "lowestEfficiency" | "highestUserWastedPercent", description: string): Option {
  return rule(name, description, (text) => parseRatio(name, text));
}

function rule(name: keyof WasteRules, description: string, parse: (text: string) => number | null): Option {
  const text = DEFAULT_RULES[name];
  return new Option(`--${name} <bound>`, description).argParser(parse).default(parse(text), text);
}
