import { type Command, Option } from "commander";
import { printable } from "../../core/errors.ts";
import type { DirectoriesMountRequest } from "../../engine/engine.ts";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { parseLowers } from "../lowers.ts";
import { renderMounts } from "../render/mounts.ts";
import { type Session, withSession } from "../session.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface MountOptions {
  readonly rw?: true;
  readonly type?: "container" | "image";
  readonly lower?: string;
  readonly upper?: string;
  readonly work?: string;
}

export function mountCommand(context: Context): Command {
  return verb({
    name: "mount",
    summary: "Mount a container, an image, or a union of plain directories; without arguments list the mounts",
    details:
      "Without TARGET it is mounted at a directory below the data root. The directory is printed. While a dockerd " +
      "runs on the root, TARGET must be given, and the mount is read-only.\n\n" +
      "A container is mounted writable, and what is changed is the container's. Mounted once more, its tree is in one " +
      "more place, or counted once more in the same: each mount wants its own `layerfs umount`. A name that a container " +
      "and an image have is the container's, unless --type says otherwise.\n\n" +
      "With --lower no image takes part: the directories are joined as they are, the topmost first, at TARGET.",
    examples: [
      'ls "$(layerfs mount nginx)"',
      "layerfs mount --rw --type image nginx /mnt",
      "layerfs mount --lower top:bottom --upper changes --work work /mnt",
    ],
  })
    .usage(
      "[options] [NAME [TARGET]]\n       layerfs mount --lower DIR[:DIR...] [--upper DIR --work DIR] [options] TARGET",
    )
    .argument("[name]", "name or id of a container or image; with --lower the target")
    .argument("[target]", "a directory that exists")
    .option("--rw", "make an image's mount writable; `layerfs umount --discard` throws the changes away")
    .addOption(new Option("--type <type>", "what the name is of").choices(["container", "image"]))
    .option("--lower <dirs>", "directories to join, the topmost first, separated by `:`; `\\:` is a colon in a name")
    .option("--upper <dir>", "directory that takes the changes; needs --work")
    .option("--work <dir>", "empty directory on the file system of --upper")
    .action(async (image: string | undefined, target: string | undefined, options: MountOptions, command: Command) => {
      if (options.lower !== undefined) {
        const request = directoriesRequest(options.lower, [image, target], options);
        await withSession(context, command, async (session) => {
          await session.engine.mountDirectories(request);
          await printTarget(session, request.target);
        });
        return;
      }
      if (options.upper !== undefined || options.work !== undefined) {
        throw usageError("--upper and --work go with --lower", "to change an image's tree use --rw");
      }
      if (image === undefined && options.rw) throw usageError("--rw needs an image");
      await withSession(context, command, (session) =>
        image === undefined ? listMounts(session) : mountNamed(session, image, target, options),
      );
    });
}

function directoriesRequest(
  lower: string,
  operands: readonly (string | undefined)[],
  { rw, upper, work }: MountOptions,
): DirectoriesMountRequest {
  const [target, excess] = operands;
  if (target === undefined || excess !== undefined) {
    throw usageError(`with --lower one TARGET is expected, found ${target === undefined ? "none" : "two operands"}`);
  }
  if (rw) throw usageError("--rw does not go with --lower", "give --upper and --work to make it writable");
  if ((upper === undefined) !== (work === undefined)) throw usageError("--upper and --work go together");
  return { lowers: parseLowers(lower), upper, work, target };
}

async function mountNamed(
  session: Session,
  image: string,
  target: string | undefined,
  { rw, type }: MountOptions,
): Promise<void> {
  await printTarget(session, await session.engine.mount({ image, target, readWrite: rw ?? false, type }));
}

async function listMounts(session: Session): Promise<void> {
  const mounts = await untilAborted(session.engine.mounts(), session.signal);
  const { quiet } = session.settings;
  await session.print(mounts, () =>
    quiet ? mounts.map(({ target }) => `${printable(target)}\n`).join("") : renderMounts(mounts),
  );
}

/** As it is, since scripts use it as a path. */
async function printTarget(session: Session, target: string): Promise<void> {
  await session.print({ target }, () => `${target}\n`);
}
