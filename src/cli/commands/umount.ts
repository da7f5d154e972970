import { resolve } from "node:path";
import type { Command } from "commander";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import type { Engine, MountSummary } from "../../engine/engine.ts";
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
        const { results, failures } = await forEachOperand(operands, signal, async (operand) => {
          const target = await findTarget(engine, operand);
          await engine.unmount({ target, discard: options.discard ?? false });
          return { target };
        });
        await session.print(results, () => "");
        throwFailures(failures);
      });
    });
}

/** What looks like a path or is the directory of a mount is one; else it names an image. NOT_FOUND or AMBIGUOUS. */
async function findTarget(engine: Engine, operand: string): Promise<string> {
  const path = resolve(operand);
  const mounts = await engine.mounts();
  if (/^\.{0,2}\//.test(operand) || mounts.some(({ target }) => target === path)) return path;
  const ofImage = await mountsOfImage(engine, operand, mounts);
  if (ofImage.length > 1) {
    throw new LayerfsError("AMBIGUOUS", `image ${operand} is mounted ${ofImage.length} times`, {
      hint: `name the directory: ${ofImage.map(({ target }) => target).join(", ")}`,
    });
  }
  if (ofImage[0] === undefined) {
    throw new LayerfsError("NOT_FOUND", `${operand} is neither the directory of a mount nor an image that is mounted`, {
      hint: "layerfs mount lists the mounts",
    });
  }
  return ofImage[0].target;
}

/** None where the operand names no image. */
async function mountsOfImage(
  engine: Engine,
  image: string,
  mounts: readonly MountSummary[],
): Promise<readonly MountSummary[]> {
  try {
    const { id } = await engine.explain(image);
    return mounts.filter((mount) => mount.image?.id === id);
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND") || isLayerfsError(error, "INVALID_REFERENCE")) return [];
    throw error;
  }
}
