import type { Command } from "commander";
import { isLayerfsError } from "../../core/errors.ts";
import type { RemovedImage } from "../../engine/images/remove-image.ts";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface RmiOptions {
  readonly force?: true;
  readonly prune: boolean;
}

export function rmiCommand(context: Context): Command {
  return verb({
    name: "rmi",
    summary: "Remove names of images, and with the last name the image",
    details:
      "Layers that no other image stands on go with it, and the nameless images it was built on. An image that a" +
      " container uses goes only with --force, and never while the container runs. With --force it is no failure if" +
      " an image is not there.",
    examples: ["layerfs rmi nginx:1.27 redis", "layerfs rmi -f 3f4f8a6b2c1d"],
  })
    .argument("<image...>", "name or id")
    .option("-f, --force", "remove it even if it has several names or a stopped container uses it")
    .option("--no-prune", "keep the nameless images it was built on")
    .action(async (images: string[], options: RmiOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const { results, failures } = await forEachOperand(images, session.signal, (image) =>
          session.engine.removeImage(image, { force: options.force ?? false, prune: options.prune }),
        );
        await session.print(results, () => results.map(renderRemoved).join(""));
        const isForgiven = (failure: unknown): failure is Error =>
          options.force === true && isLayerfsError(failure, "NOT_FOUND");
        for (const { message } of failures.filter(isForgiven)) session.log.warn(message);
        throwFailures(failures.filter((failure) => !isForgiven(failure)));
      });
    });
}

/** Docker's words. */
function renderRemoved({ steps }: RemovedImage): string {
  return steps.map(({ kind, name }) => `${kind === "untagged" ? "Untagged" : "Deleted"}: ${name}\n`).join("");
}
