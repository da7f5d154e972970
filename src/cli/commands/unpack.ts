import type { Command } from "commander";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { IMAGE_OPERAND, maxLayerSizeOption, platformOption, type SourceChoice } from "../settings.ts";
import { verb } from "../verb.ts";

export function unpackCommand(context: Context): Command {
  return verb({
    name: "unpack",
    summary: "Write an image's tree to a directory",
    examples: ["layerfs unpack nginx rootfs", "layerfs unpack oci:layout:latest rootfs"],
  })
    .argument("<image>", IMAGE_OPERAND)
    .argument("<dir>", "a directory that is empty or absent")
    .addOption(platformOption())
    .addOption(maxLayerSizeOption())
    .action(async (image: string, directory: string, { platform }: SourceChoice, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const { warnings } = await withProgress(session, (onProgress) =>
          engine.unpack(image, directory, { signal, onProgress, platform }),
        );
        logWarnings(session.log, directory, warnings);
        await session.print({ directory, warnings }, () => "");
      });
    });
}
