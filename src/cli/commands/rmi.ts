import type { Command } from "commander";
import type { RemovedImage } from "../../engine/engine.ts";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface RmiOptions {
  readonly force?: true;
}

export function rmiCommand(context: Context): Command {
  return verb({
    name: "rmi",
    summary: "Remove names of images, and with the last name the image",
    details: "Layers that no other image stands on go with it.",
    examples: ["layerfs rmi nginx:1.27 redis", "layerfs rmi -f 3f4f8a6b2c1d"],
  })
    .argument("<image...>", "name or id")
    .option("-f, --force", "remove it even if it has several names")
    .action(async (images: string[], options: RmiOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const { results, failures } = await forEachOperand(images, session.signal, (image) =>
          session.engine.removeImage(image, { force: options.force ?? false }),
        );
        await session.print(results, () => results.map(renderRemoved).join(""));
        throwFailures(failures);
      });
    });
}

/** Docker's words. */
function renderRemoved({ steps }: RemovedImage): string {
  return steps.map(({ kind, name }) => `${kind === "untagged" ? "Untagged" : "Deleted"}: ${name}\n`).join("");
}
