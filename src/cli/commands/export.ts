import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeAll } from "../output.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice } from "../settings.ts";
import { refuseTerminalOutput } from "../usage.ts";
import { verb } from "../verb.ts";

interface ExportOptions extends SourceChoice {
  readonly output?: string;
}

export function exportCommand(context: Context): Command {
  return verb({
    name: "export",
    summary: "Write the merged tree of an image as one tar, without layers",
    details:
      "As `docker export` of a container that was never started, but straight from the layers and with whole times. " +
      "The same image gives the same bytes, wherever it lies.",
    examples: [
      "layerfs export -o rootfs.tar nginx",
      "layerfs export oci:layout:latest | tar -x -C rootfs",
      "layerfs export docker-archive:images.tar:nginx | tar -t",
    ],
  })
    .argument("<image>", READ_OPERAND)
    .option("-o, --output <file>", "file to write (default: stdout, and so is `-`)")
    .addOption(platformOption())
    .action(async (image: string, { output, platform }: ExportOptions, command: Command) => {
      const file = output === "-" ? undefined : output;
      if (file === undefined) refuseTerminalOutput(context.stdout, "use the -o flag or redirect");
      await withSession(context, command, async ({ engine, stdout, signal }) => {
        if (file === undefined)
          await writeAll(stdout, engine.export(image, { platform, signal, reuseBuffer: true }), signal);
        else await engine.exportToFile(image, file, { platform, signal });
      });
    });
}
