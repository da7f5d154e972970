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
    details: "A writable mount that has changes stays, unless --discard throws them away.",
    examples: ["layerfs umount nginx", "layerfs umount --discard /mnt"],
  })
    .argument("<target...>", "directory of a mount, or name or id of an image that is mounted once")
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
