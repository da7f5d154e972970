import type { Command } from "commander";
import type { LoadedImage } from "../../engine/engine.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { maxLayerSizeOption } from "../settings.ts";
import { refuseTerminalInput } from "../usage.ts";
import { verb } from "../verb.ts";

interface LoadOptions {
  readonly input?: string;
}

export function loadCommand(context: Context): Command {
  return verb({
    name: "load",
    summary: "Load the images of a `docker save` archive",
    details: "Layers that are in the store already are neither read nor unpacked again.",
    examples: ["layerfs load -i images.tar", "docker save nginx | layerfs load"],
  })
    .option("-i, --input <file>", "read the archive from a file (default: stdin)")
    .addOption(maxLayerSizeOption())
    .action(async (options: LoadOptions, command: Command) => {
      if (options.input === undefined) refuseTerminalInput(context.stdin, "load", "name the archive with -i FILE");
      const input = options.input === undefined ? { stream: context.stdin } : { file: options.input };
      await withSession(context, command, async (session) => {
        const layers: { digest: string; warnings: readonly Warning[] }[] = [];
        const images = await withProgress(session, (update) =>
          session.engine.load(input, {
            signal: session.signal,
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
