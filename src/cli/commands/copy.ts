import type { Command } from "commander";
import type { CopiedImage } from "../../engine/outgoing/copy.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { compressOption, IMAGE_OPERAND, platformOption, registryOptions } from "../settings.ts";
import { verb } from "../verb.ts";

interface CopyWords {
  readonly all?: boolean;
  readonly compress?: "gzip" | "zstd" | "none";
  readonly platform?: string;
}

export function copyCommand(context: Context): Command {
  const command = verb({
    name: "copy",
    summary: "Copy an image from any place to any other",
    details:
      "Between registries and OCI layouts manifests and blobs stay as they are, and so do their digests; the store takes " +
      "no part. Into docker-archive:, out of it and out of the store a manifest is made, as by `save`.",
    examples: [
      "layerfs copy docker://registry.example/lab/web:1 oci:layout:1",
      "layerfs copy --all oci:layout:1 docker://registry.example/lab/web:1",
      "layerfs copy docker-archive:images.tar:web:1 web:2",
    ],
  })
    .argument("<source>", IMAGE_OPERAND)
    .argument(
      "<destination>",
      "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], docker://NAME[:TAG], or a name in the store",
    )
    .option("-a, --all", "all platforms of an image, with its index")
    .addOption(compressOption("pack the layers anew, under a manifest that is made for them"))
    .addOption(platformOption());
  for (const option of registryOptions()) command.addOption(option);
  return command.action(async (from: string, to: string, options: CopyWords, self: Command) => {
    await withSession(context, self, async (session) => {
      const { engine, signal } = session;
      const { all, compress: compression, platform } = options;
      const copied = await withProgress(session, (onProgress) =>
        engine.copy(from, to, { all, compression, platform, signal, onProgress }),
      );
      await session.print(copied, () => copied.map(renderCopied).join(""));
    });
  });
}

/** What names it where it went for ever. */
function renderCopied({ digest }: CopiedImage): string {
  return `${digest}\n`;
}
