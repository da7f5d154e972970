import type { Command } from "commander";
import { canonicalString, parseReference, withDefaultTag } from "../../core/reference.ts";
import type { ProgressEvent } from "../../engine/engine.ts";
import type { Context } from "../context.ts";
import { shortID } from "../render/image-id.ts";
import { withSession } from "../session.ts";
import { registryOptions } from "../settings.ts";
import { isNameOnly, withTalk } from "../talk.ts";
import { verb } from "../verb.ts";

interface PushCommandOptions {
  readonly allTags?: boolean;
}

export function pushCommand(context: Context): Command {
  const command = verb({
    name: "push",
    summary: "Send an image to a registry",
    details:
      "The name says where to: REGISTRY[:PORT]/REPOSITORY[:TAG], on Docker Hub without a registry. What the registry " +
      "has is not sent: layers that it got or gave before are recognised, and mounted from its other repositories. " +
      "The words on stdout are Docker's.",
    examples: ["layerfs push registry.example/lab/web:1.27", "layerfs push --all-tags registry.example/lab/web"],
  })
    .argument("<name>", "name of an image here, REPOSITORY[:TAG] (default tag: latest)")
    .option("-a, --all-tags", "push all tags of the repository");
  for (const option of registryOptions()) command.addOption(option);
  return command.action(async (name: string, { allTags = false }: PushCommandOptions, command: Command) => {
    await withSession(context, command, async (session) => {
      const { engine, signal, settings } = session;
      const pushed = await withTalk(session, renderEvent, ({ onProgress, say }) => {
        if (!allTags && isNameOnly(name)) say("Using default tag: latest");
        return engine.push(name, { allTags, signal, onProgress });
      });
      await session.print(pushed, () => (settings.quiet ? renderName(name, allTags) : ""));
    });
  });
}

/** Docker's: the name in full. */
function renderName(name: string, allTags: boolean): string {
  const wanted = parseReference(name);
  return `${canonicalString(allTags ? wanted : withDefaultTag(wanted))}\n`;
}

/** Docker's words; layers by their diffIDs. */
function renderEvent(event: ProgressEvent): string | null {
  switch (event.type) {
    case "push-start":
      return `The push refers to repository [${event.repository}]`;
    case "layer-exists":
      return `${shortID(event.layer)}: Layer already exists`;
    case "layer-mounted":
      return `${shortID(event.layer)}: Mounted from ${event.from}`;
    case "layer-done":
      return `${shortID(event.layer)}: Pushed`;
    case "push-done":
      return `${event.tag}: digest: ${event.digest} size: ${event.size}`;
    default:
      return null;
  }
}
