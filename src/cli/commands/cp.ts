import type { Command } from "commander";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { writeAll } from "../output.ts";
import { withSession } from "../session.ts";
import { platformOption, type SourceChoice } from "../settings.ts";
import { refuseTerminalOutput, usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface CpOptions extends SourceChoice {
  readonly archive?: true;
  readonly followLink?: true;
}

export function cpCommand(context: Context): Command {
  return verb({
    name: "cp",
    summary: "Copy files out of an image, without a mount",
    details:
      "By the rules of `docker cp`: what is copied goes into DEST if that is a directory, else it becomes DEST; a " +
      "directory whose path ends in `/.` gives its content. Modes and times are kept; everything is yours, unless " +
      "--archive says otherwise. With `-` as DEST a tar goes to stdout. The path begins at the last `:/`.",
    examples: [
      "layerfs cp nginx:/etc/nginx conf",
      "layerfs cp oci:layout:latest:/etc/os-release .",
      "layerfs cp docker-archive:images.tar:/usr/share/. - | tar -t",
    ],
  })
    .argument("<image:path>", "an image, or a source such as oci:DIR[:TAG], then `:` and a path from its root")
    .argument("<dest>", "a file or directory of this machine, or `-`")
    .option("-a, --archive", "keep owners, which takes root")
    .option("-L, --follow-link", "where the path is a symlink, copy what it leads to inside the image")
    .addOption(platformOption())
    .action(async (text: string, destination: string, options: CpOptions, command: Command) => {
      const { image, path } = parseImagePath(text);
      const { platform, archive: keepOwners, followLink } = options;
      if (destination === "-") refuseTerminalOutput(context.stdout, "redirect it, or name a destination");
      await withSession(context, command, async (session) => {
        const { engine, stdout, signal } = session;
        const call = { platform, keepOwners, followLink, signal };
        if (destination === "-")
          return await writeAll(stdout, engine.copyTar(image, path, { ...call, reuseBuffer: true }), signal);
        const copied = await engine.copyOut(image, path, destination, call);
        logWarnings(session.log, copied.target, copied.warnings);
        await session.print(copied, () => "");
      });
    });
}

const TRANSPORTS = /^(docker-archive|oci|oci-archive|dir|docker|docker-root)$/;

function parseImagePath(text: string): { readonly image: string; readonly path: string } {
  const colon = text.lastIndexOf(":/");
  const image = text.slice(0, colon);
  if (colon > 0 && !TRANSPORTS.test(image)) return { image, path: text.slice(colon + 1) };
  throw usageError(`${text}: expected IMAGE:/PATH`, "the path begins with the last `:/`, such as nginx:/etc/hosts");
}
