import type { Command } from "commander";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { renderStoreInfo, storeInfoFields } from "../render/store-info.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function infoCommand(context: Context): Command {
  return verb({
    name: "info",
    summary: "Show the data root, the storage driver and why it was chosen",
    examples: ["layerfs info", "layerfs info --format '{{.Driver}}'"],
  }).action(async (_options: unknown, command: Command) => {
    await withSession(context, command, async (session) => {
      const info = await untilAborted(session.engine.info(), session.signal);
      await session.print(
        info,
        () => renderStoreInfo(info),
        () => storeInfoFields(info),
      );
    });
  });
}
