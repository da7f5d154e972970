import type { Command } from "commander";
import type { Context, InputStream } from "../context.ts";
import { logWarnings } from "../log.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { maxLayerSizeOption } from "../settings.ts";
import { refuseTerminalInput } from "../usage.ts";
import { verb } from "../verb.ts";

export function applyCommand(context: Context): Command {
  return verb({
    name: "apply",
    summary: "Apply a layer's tar from stdin to a directory",
    details: "Plain, gzip or zstd. Prints the layer's diffID.",
    examples: ["layerfs apply rootfs <layer.tar.gz"],
  })
    .argument("<dir>", "a directory that holds what is below the layer")
    .addOption(maxLayerSizeOption())
    .action(async (directory: string, _options: unknown, command: Command) => {
      refuseTerminalInput(context.stdin, "a layer's tar", "redirect it: layerfs apply DIR <layer.tar");
      await withSession(context, command, async (session) => {
        const { engine, signal, stdin } = session;
        const applied = await withProgress(session, (onProgress) =>
          engine.apply(directory, bytes(stdin), { signal, onProgress }),
        );
        logWarnings(session.log, directory, applied.warnings);
        await session.print(applied, () => `${applied.diffID}\n`);
      });
    });
}

async function* bytes(input: InputStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}
