import type { Command } from "commander";
import type { CopyInOptions, CopyOptions } from "../../engine/copying/cp.ts";
import type { Context } from "../context.ts";
import { type CopyEndpoint, parseCopyEndpoint } from "../copy-endpoint.ts";
import { logWarnings } from "../log.ts";
import { writeAll } from "../output.ts";
import { type Session, withSession } from "../session.ts";
import { platformOption, type SourceChoice, type TreeChoice, treeTypeOption } from "../settings.ts";
import { refuseTerminalInput, refuseTerminalOutput, usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface CpOptions extends SourceChoice, TreeChoice {
  readonly archive?: true;
  readonly followLink?: true;
}

export function cpCommand(context: Context): Command {
  return verb({
    name: "cp",
    summary: "Copy files between a container, or out of an image, and this machine",
    details:
      "By the rules of `docker cp`: what is copied goes into DEST if that is a directory, else it becomes DEST; a " +
      "directory whose path ends in `/.` gives its content. Modes and times are kept. Nothing needs to run or to be " +
      "mounted, and symlinks of a container or image never lead outside of it. Out of one everything becomes yours, " +
      "unless --archive says otherwise; into one owners are kept. With `-` a tar goes to stdout, or comes from stdin. The path " +
      "of an image begins at the last `:/`.",
    examples: [
      "layerfs cp web:/etc/nginx conf",
      "layerfs cp nginx.conf web:/etc/nginx/",
      "layerfs cp docker-archive:images.tar:/usr/share/. - | tar -t",
    ],
  })
    .argument(
      "<source>",
      "CONTAINER:PATH, IMAGE:/PATH (also a source such as oci:DIR[:TAG]:/PATH), a path of this machine, or `-`",
    )
    .argument("<dest>", "a path of this machine, CONTAINER:PATH, or `-`")
    .option(
      "-a, --archive",
      "out: keep owners, which takes root; in: all becomes the container's user's, if it has one",
    )
    .option("-L, --follow-link", "where the source is a symlink, copy what it leads to")
    .addOption(treeTypeOption())
    .addOption(platformOption())
    .action(async (from: string, to: string, options: CpOptions, command: Command) => {
      const [source, destination] = [parseCopyEndpoint(from), parseCopyEndpoint(to)];
      const run =
        source.kind === "tree"
          ? copyOut(context, source, destination, options)
          : copyIn(context, source, destination, options);
      await withSession(context, command, run);
    });
}

type TreeEndpoint = Extract<CopyEndpoint, { kind: "tree" }>;

function copyOut(
  { stdout }: Context,
  { name, path }: TreeEndpoint,
  destination: CopyEndpoint,
  { archive: keepOwners, followLink, platform, type }: CpOptions,
): (session: Session) => Promise<void> {
  if (destination.kind === "tree") throw usageError("copying between containers is not supported");
  if (destination.kind === "stdio") refuseTerminalOutput(stdout, "redirect it, or name a destination");
  return async (session) => {
    const { engine, signal } = session;
    const call: CopyOptions = { keepOwners, followLink, platform, type, signal };
    if (destination.kind === "stdio") {
      return await writeAll(stdout, engine.copyTar(name, path, { ...call, reuseBuffer: true }), signal);
    }
    const copied = await engine.copyOut(name, path, destination.path, call);
    logWarnings(session.log, copied.target, copied.warnings);
    await session.print(copied, () => "");
  };
}

function copyIn(
  { stdin }: Context,
  source: Exclude<CopyEndpoint, TreeEndpoint>,
  destination: CopyEndpoint,
  { archive: keepOwners, followLink, type }: CpOptions,
): (session: Session) => Promise<void> {
  if (destination.kind !== "tree") {
    throw usageError("must specify at least one container source", "write CONTAINER:PATH or IMAGE:/PATH");
  }
  if (type === "image") throw usageError("nothing can be copied into an image", "create a container of it");
  if (source.kind === "stdio") refuseTerminalInput(stdin, "a tar", "pipe one into it, or name a source");
  const { name, path } = destination;
  return async (session) => {
    const { engine, signal } = session;
    const call: CopyInOptions = { keepOwners, followLink, signal };
    const copied =
      source.kind === "stdio"
        ? await engine.copyTarIn(name, stdin as AsyncIterable<Uint8Array>, path, call)
        : await engine.copyIn(name, source.path, path, call);
    logWarnings(session.log, name, copied.warnings);
    await session.print(copied, () => "");
  };
}
