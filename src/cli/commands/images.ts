import { type Command, Option } from "commander";
import type { ImageFilters } from "../../engine/images/list-images.ts";
import type { Context } from "../context.ts";
import { addImageFilter } from "../image-filters.ts";
import { untilAborted } from "../interruption.ts";
import { usesField } from "../render/format.ts";
import { imageFields, renderImageIDs, renderImages, withoutDigests } from "../render/images.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface ImagesOptions {
  readonly all?: true;
  readonly filter: ImageFilters;
  readonly trunc: boolean;
  readonly digests?: true;
}

export function imagesCommand(context: Context): Command {
  return verb({
    name: "images",
    summary: "List images, the newest first",
    details:
      "A name lists its repository, or one tag of it; * and ? stand for any characters but /. Filters are" +
      " dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN and until=TIME.",
    examples: [
      "layerfs images",
      "layerfs images -q --filter dangling=true",
      "layerfs images --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.CreatedSince}} {{.Size}}' 'nginx*'",
    ],
  })
    .argument("[name]", "REPOSITORY[:TAG]")
    .option("-a, --all", "intermediate images too, which others were built on")
    .addOption(
      new Option("-f, --filter <key=value>", "only images that meet it, repeatable")
        .argParser((text, before: ImageFilters) => addImageFilter(before, text, context.now()))
        .default({}, "none"),
    )
    .option("--no-trunc", "whole ids")
    .option("--digests", "digests of the manifests as well")
    .action(async (name: string | undefined, options: ImagesOptions, command: Command) => {
      const named = name === undefined ? options.filter : addImageFilter(options.filter, `reference=${name}`, 0);
      const filters = { ...named, all: options.all ?? false };
      await withSession(context, command, async (session) => {
        const images = await untilAborted(session.engine.images(filters), session.signal);
        const view = { fullIDs: !options.trunc, digests: options.digests ?? false, now: session.now() };
        const rows = view.digests || usesField(session.settings.format, "Digest") ? images : withoutDigests(images);
        await session.print(
          images,
          () => (session.settings.quiet ? renderImageIDs(rows, view) : renderImages(rows, view)),
          () => rows.map((image) => imageFields(image, view)),
        );
      });
    });
}
