import type { Command } from "commander";
import { canonicalString, parseReference, withDefaultTag } from "../../core/reference.ts";
import type { PushedTag, PushResult } from "../../engine/push.ts";
import type { PushedLayer } from "../../engine/push-layer.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

interface Options {
  readonly allTags?: boolean;
}

export function pushCommand(context: Context): Command {
  return verb({
    name: "push",
    summary: "Send an image to a registry",
    details:
      "The name says where to: REGISTRY[:PORT]/REPOSITORY[:TAG], on Docker Hub without a registry. What the registry " +
      "has is not sent: layers that it got or gave before are recognised, and mounted from its other repositories.",
    examples: ["layerfs push registry.example/lab/web:1.27", "layerfs push --all-tags registry.example/lab/web"],
  })
    .argument("<name>", "name of an image here, REPOSITORY[:TAG] (default tag: latest)")
    .option("-a, --all-tags", "push all tags of the repository")
    .action(async (name: string, { allTags = false }: Options, command: Command) => {
      await withSession(context, command, async (session) => {
        const { engine, signal, settings } = session;
        const pushed = await withProgress(session, (onProgress) => engine.push(name, { allTags, signal, onProgress }));
        await session.print(pushed, () => (settings.quiet ? renderName(name, allTags) : render(name, allTags, pushed)));
      });
    });
}

/** Docker's: the name in full. */
function renderName(name: string, allTags: boolean): string {
  const wanted = parseReference(name);
  return `${canonicalString(allTags ? wanted : withDefaultTag(wanted))}\n`;
}

/** Docker's words, the topmost layer first. */
function render(name: string, allTags: boolean, { repository, tags }: PushResult): string {
  const hasTag = allTags || parseReference(name).tag !== undefined;
  const lines = [
    ...(hasTag ? [] : ["Using default tag: latest"]),
    `The push refers to repository [${repository}]`,
    ...tags.flatMap(renderTag),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function renderTag({ tag, digest, size, layers }: PushedTag): string[] {
  return [...new Set(layers.toReversed().map(renderLayer)), `${tag}: digest: ${digest} size: ${size}`];
}

function renderLayer({ diffID, how, from }: PushedLayer): string {
  const id = diffID.slice("sha256:".length, "sha256:".length + 12);
  if (how === "sent") return `${id}: Pushed`;
  return how === "exists" ? `${id}: Layer already exists` : `${id}: Mounted from ${from}`;
}
