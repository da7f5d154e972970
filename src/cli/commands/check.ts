import type { Command } from "commander";
import { LayerfsError } from "../../core/errors.ts";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderCheck } from "../render/check.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function checkCommand(context: Context): Command {
  return verb({
    name: "check",
    summary: "Name all that is damaged in the store, and change nothing",
    details:
      "Records, the storage driver's directories, and each file of each layer: content, mode, owner, time, type, link, " +
      "device and extended attributes, as the headers of the layer have them; files that are missing, and files that no " +
      "layer has. The status is 1 where something is damaged. What nothing refers to is told too, and is no damage. " +
      "Works while a dockerd uses the data root.",
    examples: ["layerfs check", "layerfs check --quick nginx redis:7", "layerfs check --format json"],
  })
    .argument("[image...]", "name or id; docker-root:PATH:IMAGE; default: the whole data root")
    .option("--quick", "do not read the contents of files")
    .action(async (images: string[], { quick }: { readonly quick?: true }, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const result = await untilAborted(engine.check(images, { quick, signal }), signal);
        await session.print(result, () => renderCheck(result));
        const damages = result.findings.filter(({ kind }) => kind === "damage").length;
        if (damages === 0) return;
        throw new LayerfsError("CORRUPT_STORE", `damage was found: ${damages} ${damages === 1 ? "thing" : "things"}`);
      });
    });
}
