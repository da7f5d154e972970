import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { withSession } from "../session.ts";
import { changeOption } from "../settings.ts";
import { verb } from "../verb.ts";

interface CommitWords {
  readonly author?: string;
  readonly change: readonly string[];
  readonly message?: string;
}

const PAUSE = "taken as by Docker, and of no effect: a container is committed as it is";

export function commitCommand(context: Context): Command {
  return verb({
    name: "commit",
    summary: "Make an image of a container and what was changed in it",
    details:
      "What `layerfs diff` tells becomes a layer on the container's image; the same change gives the same layer each " +
      "time. Where nothing was changed the new image has no layer of its own. --change sets its config.",
    examples: ["layerfs commit web site:2", "layerfs commit -m 'new pages' -c 'CMD [\"serve\"]' web site:2"],
  })
    .argument("<container>", "name or id")
    .argument("[reference]", "name of the new image: REPOSITORY[:TAG]")
    .option("-a, --author <text>", "who made it")
    .addOption(changeOption())
    .option("-m, --message <text>", "comment in the new image's history")
    .addOption(new Option("-p", PAUSE).hideHelp())
    .addOption(new Option("--pause <yes>", PAUSE).choices(["true", "false"]))
    .action(async (container: string, reference: string | undefined, options: CommitWords, command: Command) => {
      const { author, change: changes, message } = options;
      await withSession(context, command, async (session) => {
        const { engine, signal } = session;
        const committed = await engine.commit(container, { reference, author, message, changes, signal });
        await session.print(committed, () => `${committed.id}\n`);
      });
    });
}
