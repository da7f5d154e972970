import { type Command, Option } from "commander";
import type { SaveTarget } from "../../engine/outgoing/save.ts";
import { parseSourceName } from "../../source/source-name.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { compressOption } from "../settings.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface SaveWords {
  readonly output?: string;
  readonly as?: "docker" | "oci";
  readonly compress?: "gzip" | "zstd" | "none";
  readonly platform?: string;
}

export function saveCommand(context: Context): Command {
  return verb({
    name: "save",
    summary: "Write images to an archive or an OCI layout",
    details:
      "The archive has the form of Docker 25 and later: an OCI layout that has Docker's manifest.json beside. A name " +
      "goes out with its image, an id without; a repository without a tag stands for all its tags. The same images " +
      "give the same bytes.",
    examples: [
      "layerfs save -o images.tar nginx:1 redis",
      "layerfs save nginx | docker load",
      "layerfs save --compress gzip -o oci:layout:latest nginx",
    ],
  })
    .argument("<image...>", "name, repository or id")
    .option(
      "-o, --output <place>",
      "a file, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME] (default: stdout)",
    )
    .addOption(new Option("--as <form>", "form of the archive (default: docker)").choices(["docker", "oci"]))
    .addOption(compressOption("how layers are packed (default: none)"))
    .option("--platform <platform>", "OS/ARCHITECTURE[/VARIANT] that the images must have")
    .action(async (images: string[], options: SaveWords, command: Command) => {
      const target = saveTarget(options, context);
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const { as, compress: compression, platform } = options;
        const saved = await withProgress(session, (onProgress) =>
          engine.save(images, target, { as, compression, platform, signal, onProgress }),
        );
        if (!("stream" in target)) await session.print(saved, () => "");
      });
    });
}

function saveTarget({ output, as }: SaveWords, { stdout }: Context): SaveTarget {
  if (output === undefined) {
    if (!stdout.isTTY) return { stream: stdout };
    throw usageError("cowardly refusing to save to a terminal", "use the -o flag or redirect");
  }
  if (parseSourceName(output) === null) return { file: output };
  if (as === undefined) return { destination: output };
  throw usageError("--as does not go with a destination that has a form of its own", `leave it out: -o ${output}`);
}
