import type { Command } from "commander";
import type { LoadedImage, LoadInput } from "../../engine/engine.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { maxLayerSizeOption, platformOption } from "../settings.ts";
import { refuseTerminalInput, usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface LoadOptions {
  readonly input?: string;
  readonly platform?: string;
}

export function loadCommand(context: Context): Command {
  return verb({
    name: "load",
    summary: "Load the images of an archive, an OCI layout or a directory",
    details:
      "An archive is what `docker save` wrote, or an OCI layout in a tar. SOURCE is oci:DIR[:TAG], oci-archive:FILE[:TAG], " +
      "docker-archive:FILE[:NAME] or dir:PATH. Layers that are in the store already are neither read nor unpacked again.",
    examples: [
      "layerfs load -i images.tar",
      "docker save nginx | layerfs load",
      "layerfs load --platform linux/arm64 oci:layout:latest",
    ],
  })
    .argument("[source]", "where the images are; without it an archive is read from stdin or from -i")
    .option("-i, --input <file>", "read the archive from a file (default: stdin)")
    .addOption(platformOption())
    .addOption(maxLayerSizeOption())
    .action(async (source: string | undefined, options: LoadOptions, command: Command) => {
      const input = loadInput(source, options.input, context);
      await withSession(context, command, async (session) => {
        const layers: { digest: string; warnings: readonly Warning[] }[] = [];
        const images = await withProgress(session, (update) =>
          session.engine.load(input, {
            signal: session.signal,
            platform: options.platform,
            onProgress(event) {
              if (event.type === "layer-done") layers.push({ digest: event.layer, warnings: event.warnings });
              update(event);
            },
          }),
        );
        for (const { digest, warnings } of layers) logWarnings(session.log, `layer ${digest}`, warnings);
        await session.print(images, () => images.map(renderLoaded).join(""));
      });
    });
}

function loadInput(source: string | undefined, file: string | undefined, { stdin }: Context): LoadInput {
  if (source !== undefined && file !== undefined) throw usageError("a SOURCE does not go with -i");
  if (source !== undefined) return { source };
  if (file !== undefined) return { file };
  refuseTerminalInput(stdin, "load", "name the archive with -i FILE, or a source such as oci:DIR");
  return { stream: stdin };
}

/** Docker's words. */
function renderLoaded({ id, names, renamed }: LoadedImage): string {
  const lines = [
    ...renamed.map(
      ({ name, from }) => `The image ${name} already exists, renaming the old one with ID ${from} to empty string`,
    ),
    ...(names.length === 0 ? [`Loaded image ID: ${id}`] : names.map((name) => `Loaded image: ${name}`)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
