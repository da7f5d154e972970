import type { Command } from "commander";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface UmountOptions {
  readonly discard?: true;
}

export function umountCommand(context: Context): Command {
  return verb({
    name: "umount",
    summary: "Unmount what `layerfs mount` mounted",
    details:
      "A writable mount of an image that has changes stays, unless --discard throws them away. What was changed in a " +
      "container stays in the container.",
    examples: ["layerfs umount web", "layerfs umount --discard /mnt"],
  })
    .argument("<target...>", "directory of a mount, or a container or image that is mounted in one place")
    .option("--discard", "throw away what was changed")
    .action(async (operands: string[], options: UmountOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const { results, failures } = await forEachOperand(operands, signal, async (operand) => ({
          target: await engine.unmount({ target: operand, discard: options.discard ?? false }),
        }));
        await session.print(results, () => "");
        throwFailures(failures);
      });
    });
}
