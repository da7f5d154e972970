import { type Command, Option } from "commander";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import type { ContainerInspection } from "../../engine/containers/inspect-container.ts";
import type { ImageInspection } from "../../engine/images/inspect-image.ts";
import { parseSourceName } from "../../source/source-name.ts";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { type Format, parseFormat } from "../render/format.ts";
import { type Session, withSession } from "../session.ts";
import { IMAGE_OPERAND, platformOption, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

interface InspectOptions extends SourceChoice {
  readonly f?: Format;
  readonly type?: "container" | "image";
}

export function inspectCommand(context: Context): Command {
  return verb({
    name: "inspect",
    summary: "Show all that is known of containers or images",
    details:
      "An array of objects with the fields of `docker inspect`, or a line of a template for each. A name that a container " +
      "and an image have is the container's, unless --type says otherwise.",
    examples: [
      "layerfs inspect nginx",
      "layerfs inspect -f '{{.Id}} {{json .RootFS.Layers}}' --type image nginx redis:7",
      "layerfs inspect oci:layout:latest",
    ],
  })
    .argument("<name...>", `a container, or an image: ${IMAGE_OPERAND}`)
    .addOption(platformOption())
    .addOption(new Option("--type <type>", "what the names are of").choices(["container", "image"]))
    .addOption(new Option("-f <format>", "the same as --format").argParser(parseFormat))
    .action(async (names: string[], { f: format, ...choice }: InspectOptions, command: Command) => {
      if (format !== undefined) command.setOptionValue("format", format);
      await withSession(context, command, async (session) => {
        const { results, failures } = await forEachOperand<unknown>(names, session.signal, (name) =>
          inspect(session, name, choice),
        );
        await session.print(results, () => `${JSON.stringify(results, null, 4)}\n`);
        throwFailures(failures);
      });
    });
}

async function inspect(
  { engine, signal }: Session,
  name: string,
  { platform, type }: InspectOptions,
): Promise<ContainerInspection | ImageInspection> {
  if (parseSourceName(name) !== null) return await engine.inspect(name, { platform, signal });
  try {
    if (type !== "image") return await engine.inspectContainer(name);
  } catch (error) {
    if (type === "container" || !isLayerfsError(error, "NOT_FOUND")) throw error;
  }
  try {
    return await engine.inspect(name, { platform, signal });
  } catch (error) {
    throw type === undefined && isLayerfsError(error, "NOT_FOUND") ? noSuchObject(name, error) : error;
  }
}

/** Docker's words, where it may have been a container, too. */
function noSuchObject(text: string, cause: LayerfsError): LayerfsError {
  return new LayerfsError("NOT_FOUND", `No such object: ${printable(text)}`, { hint: cause.hint, cause });
}
