import { type Command, Option } from "commander";
import type { ContainerFilters } from "../../engine/containers/container-filter.ts";
import { addContainerFilter } from "../container-filters.ts";
import type { Context } from "../context.ts";
import { untilAborted } from "../interruption.ts";
import { containerFields, renderContainerIDs, renderContainers } from "../render/containers.ts";
import { withSession } from "../session.ts";
import { usageError } from "../usage.ts";
import { verb } from "../verb.ts";

interface PsOptions {
  readonly all?: true;
  readonly filter: ContainerFilters;
  readonly latest?: true;
  readonly last?: number;
  readonly trunc: boolean;
}

export function psCommand(context: Context): Command {
  return verb({
    name: "ps",
    summary: "List containers, the newest first",
    details:
      "Those that a dockerd runs; with --all those too that do not run. Filters are id=, name=, label=KEY[=VALUE], " +
      "status=, exited=STATUS, ancestor=IMAGE, before=CONTAINER, since=CONTAINER, volume= and network=.",
    examples: [
      "layerfs ps -a",
      "layerfs ps -aq --filter status=created",
      "layerfs ps -a --format '{{.ID}} {{.Names}} {{.Status}}'",
    ],
  })
    .option("-a, --all", "those too that do not run")
    .addOption(
      new Option("-f, --filter <key=value>", "only containers that meet it, repeatable")
        .argParser((text, before: ContainerFilters) => addContainerFilter(before, text))
        .default({}, "none"),
    )
    .option("-l, --latest", "the newest alone, running or not")
    .addOption(new Option("-n, --last <n>", "so many of the newest, running or not").argParser(parseCount))
    .option("--no-trunc", "whole ids and commands")
    .action(async ({ all, filter, latest, last, trunc }: PsOptions, command: Command) => {
      const filters = { ...filter, all: all ?? false, last: latest ? 1 : last };
      await withSession(context, command, async (session) => {
        const containers = await untilAborted(session.engine.containers(filters), session.signal);
        const view = { isFull: !trunc, now: session.now() };
        await session.print(
          containers,
          () => (session.settings.quiet ? renderContainerIDs(containers, view) : renderContainers(containers, view)),
          () => containers.map((container) => containerFields(container, view)),
        );
      });
    });
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageError(`--last: expected a number from 1, found "${text}"`);
}
