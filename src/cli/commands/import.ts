import type { Command } from "commander";
import { LayerfsError } from "../../core/errors.ts";
import type { TarInput } from "../../engine/incoming/layer-tar.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { changeOption, maxLayerSizeOption, platformOption } from "../settings.ts";
import { refuseTerminalInput } from "../usage.ts";
import { verb } from "../verb.ts";

interface ImportOptions {
  readonly change: readonly string[];
  readonly message?: string;
  readonly platform?: string;
}

export function importCommand(context: Context): Command {
  return verb({
    name: "import",
    summary: "Make an image of one layer of a tar",
    details:
      "The tar may be plain or compressed with gzip or zstd. What `export` writes gives the same tree again, without " +
      "the history and config of the image that it came from; --change sets a new one.",
    examples: [
      "layerfs import rootfs.tar mine:1",
      "tar -C rootfs -c . | layerfs import -c 'CMD [\"sh\"]' -c 'ENV PATH=/bin' - mine",
    ],
  })
    .argument("<file>", "the tar, or `-` for stdin")
    .argument("[reference]", "name of the new image: REPOSITORY[:TAG]")
    .addOption(changeOption())
    .option("-m, --message <text>", "comment of the new image (default: Imported from -)")
    .addOption(platformOption("of the new image (default: this machine's)"))
    .addOption(maxLayerSizeOption())
    .action(async (file: string, reference: string | undefined, options: ImportOptions, command: Command) => {
      const input = tarInput(file, context);
      const { change: changes, message, platform } = options;
      await withSession(context, command, async (session) => {
        const warnings: Warning[] = [];
        const imported = await withProgress(session, (update) =>
          session.engine.import(input, {
            ...{ reference, changes, message, platform },
            signal: session.signal,
            onProgress(event) {
              if (event.type === "layer-done") warnings.push(...event.warnings);
              update(event);
            },
          }),
        );
        logWarnings(session.log, `image ${imported.id}`, warnings);
        await session.print(imported, () => `${imported.id}\n`);
      });
    });
}

function tarInput(file: string, { stdin }: Context): TarInput {
  if (/^https?:\/\//.test(file)) {
    throw new LayerfsError("UNSUPPORTED", `${file}: a tar is read from a file or from stdin`, {
      hint: `fetch it first: curl -fL ${file} | layerfs import -`,
    });
  }
  if (file !== "-") return { file };
  refuseTerminalInput(stdin, "import", "pipe a tar into it, or name a file");
  return { stream: stdin };
}
