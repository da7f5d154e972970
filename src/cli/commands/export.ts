import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeAll } from "../output.ts";
import { withSession } from "../session.ts";
import { platformOption, READ_OPERAND, type SourceChoice, type TreeChoice, treeTypeOption } from "../settings.ts";
import { refuseTerminalOutput } from "../usage.ts";
import { verb } from "../verb.ts";

interface ExportOptions extends SourceChoice, TreeChoice {
  readonly output?: string;
}

export function exportCommand(context: Context): Command {
  return verb({
    name: "export",
    summary: "Write the tree of a container or image as one tar, without layers",
    details:
      "As `docker export`, but with whole times. An image's tree comes straight from its layers: that of a container which " +
      "was never started, without Docker's own files. The same image gives the same bytes, wherever it lies.",
    examples: [
      "layerfs export -o rootfs.tar web",
      "layerfs export oci:layout:latest | tar -x -C rootfs",
      "layerfs export docker-archive:images.tar:nginx | tar -t",
    ],
  })
    .argument("<name>", `a container's ${READ_OPERAND}`)
    .option("-o, --output <file>", "file to write (default: stdout, and so is `-`)")
    .addOption(treeTypeOption())
    .addOption(platformOption())
    .action(async (name: string, { output, platform, type }: ExportOptions, command: Command) => {
      const file = output === "-" ? undefined : output;
      if (file === undefined) refuseTerminalOutput(context.stdout, "use the -o flag or redirect");
      await withSession(context, command, async ({ engine, stdout, signal }) => {
        if (file === undefined)
          await writeAll(stdout, engine.export(name, { platform, type, signal, reuseBuffer: true }), signal);
        else await engine.exportToFile(name, file, { platform, type, signal });
      });
    });
}
