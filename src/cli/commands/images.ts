import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderImageIDs, renderImages } from "../render/images.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface ImagesOptions {
  readonly trunc: boolean;
  readonly digests?: true;
}

export function imagesCommand(context: Context): Command {
  return verb({
    name: "images",
    summary: "List images, the newest first",
    examples: ["layerfs images", "layerfs images -q --no-trunc", "layerfs images --format '{{.Repository}}:{{.Tag}}'"],
  })
    .option("--no-trunc", "whole ids")
    .option("--digests", "digests of the manifests as well")
    .action(async (options: ImagesOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const images = await untilAborted(session.engine.images(), session.signal);
        const view = { fullIDs: !options.trunc, digests: options.digests ?? false, now: session.now() };
        await session.print(images, () =>
          session.settings.quiet ? renderImageIDs(images, view) : renderImages(images, view),
        );
      });
    });
}
