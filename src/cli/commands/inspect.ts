import { type Command, Option } from "commander";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { parseSourceName } from "../../source/source-name.ts";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { type Format, parseFormat } from "../render/format.ts";
import { withSession } from "../session.ts";
import { IMAGE_OPERAND, platformOption, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface InspectOptions extends SourceChoice {
  readonly f?: Format;
}

export function inspectCommand(context: Context): Command {
  return verb({
    name: "inspect",
    summary: "Show all that is known of images",
    details: "An array of objects with the fields of `docker inspect`, or a line of a template for each image.",
    examples: [
      "layerfs inspect nginx",
      "layerfs inspect -f '{{.Id}} {{json .RootFS.Layers}}' nginx redis:7",
      "layerfs inspect oci:layout:latest",
    ],
  })
    .argument("<image...>", IMAGE_OPERAND)
    .addOption(platformOption())
    .addOption(new Option("-f <format>", "the same as --format").argParser(parseFormat))
    .action(async (images: string[], { f: format, platform }: InspectOptions, command: Command) => {
      if (format !== undefined) command.setOptionValue("format", format);
      await withSession(context, command, async (session) => {
        const { results, failures } = await forEachOperand(images, session.signal, async (image) => {
          try {
            return await session.engine.inspect(image, { platform, signal: session.signal });
          } catch (error) {
            const isOfStore = parseSourceName(image) === null;
            throw isOfStore && isLayerfsError(error, "NOT_FOUND") ? noSuchObject(image, error) : error;
          }
        });
        await session.print(results, () => `${JSON.stringify(results, null, 4)}\n`);
        throwFailures(failures);
      });
    });
}

/** Docker's words, since what it inspects may be a container, too. */
function noSuchObject(text: string, cause: LayerfsError): LayerfsError {
  return new LayerfsError("NOT_FOUND", `No such object: ${printable(text)}`, { hint: cause.hint, cause });
}
