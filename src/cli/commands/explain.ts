import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { LayerfsError } from "../../core/errors.ts";
import type { Explanation } from "../../engine/explain/explanation.ts";
import { fromNodeError } from "../../sys/errno.ts";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderDirectoryExplanation } from "../render/directory-explanation.ts";
import { renderExplanation } from "../render/explanation.ts";
import { renderExplanationSVG } from "../render/explanation-svg.ts";
import { withSession } from "../session.ts";
import { platformOption } from "../settings.ts";
import { verb } from "../verb.ts";

interface ExplainOptions {
  readonly trunc: boolean;
  readonly svg?: string;
  readonly platform?: string;
}

export function explainCommand(context: Context): Command {
  return verb({
    name: "explain",
    summary: "Show the stack of layers that an image is made of, or whose a directory is",
    details:
      "From the topmost layer down: what made it, its diffID (the digest of its tar) and chainID (the digest of it and " +
      "all below), where its files lie, and which other images stand on it. Last the mount command that joins them. " +
      "With a path: which layer put it there, and which replaced, deleted or hid it.\n\n" +
      "In place of an image a directory of the storage driver tells whose it is: overlay2/ID, an ID alone, l/LINK, or a " +
      "path that begins with / or a dot.",
    examples: [
      "layerfs explain nginx",
      "layerfs explain nginx /etc/passwd",
      "layerfs explain docker-archive:nginx.tar /etc/passwd",
    ],
  })
    .argument("<image>", "name or id, a source such as oci:DIR, or a directory of the storage driver")
    .argument("[path]", "path inside the image")
    .option("--no-trunc", "whole instructions")
    .option("--svg <file>", "write the stack as a picture too")
    .addOption(platformOption())
    .action(async (image: string, path: string | undefined, options: ExplainOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const directory = await untilAborted(session.engine.explainDirectory(image), session.signal);
        if (directory !== null) {
          refuseForDirectory(path, options);
          await session.print(directory, () => renderDirectoryExplanation(directory));
          return;
        }
        const call = { path, platform: options.platform, signal: session.signal };
        const explanation = await untilAborted(session.engine.explain(image, call), session.signal);
        if (options.svg !== undefined) writeSVG(options.svg, explanation);
        const view = { fullInstructions: !options.trunc, now: session.now() };
        await session.print(explanation, () => renderExplanation(explanation, view));
      });
    });
}

function refuseForDirectory(path: string | undefined, { svg }: ExplainOptions): void {
  if (path === undefined && svg === undefined) return;
  const what = path === undefined ? "--svg draws" : "a path is looked for in";
  throw new LayerfsError("USAGE", `${what} an image, not in a layer's directory`, {
    hint: "name the image; `layerfs explain DIRECTORY` tells which one it is",
  });
}

function writeSVG(file: string, explanation: Explanation): void {
  try {
    writeFileSync(file, renderExplanationSVG(explanation));
  } catch (error) {
    throw fromNodeError(error, "write", file);
  }
}
