import type { Command } from "commander";
import { isLayerfsError } from "../../core/errors.ts";
import type { Context } from "../context.ts";
import { forEachOperand, throwFailures } from "../operands.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface RmOptions {
  readonly force?: true;
  readonly volumes?: true;
}

export function rmCommand(context: Context): Command {
  return verb({
    name: "rm",
    summary: "Remove containers, with all that was changed in them",
    details:
      "A container that runs, is mounted, or that another layerfs works on stays. With --force it is no failure if a " +
      "container is not there.",
    examples: ["layerfs rm web", "layerfs rm -f -v web job"],
  })
    .argument("<container...>", "name or id")
    .option("-f, --force", "no failure where a container is not there")
    .option("-v, --volumes", "also its volumes that have no name of their own")
    .action(async (containers: string[], { force, volumes }: RmOptions, command: Command) => {
      await withSession(context, command, async (session) => {
        const { results, failures } = await forEachOperand(containers, session.signal, async (container) => ({
          container,
          id: await session.engine.removeContainer(container, { volumes: volumes ?? false }),
        }));
        await session.print(results, () => results.map(({ container }) => `${container}\n`).join(""));
        const isForgiven = (failure: unknown): failure is Error =>
          force === true && isLayerfsError(failure, "NOT_FOUND");
        for (const { message } of failures.filter(isForgiven)) session.log.warn(message);
        throwFailures(failures.filter((failure) => !isForgiven(failure)));
      });
    });
}
