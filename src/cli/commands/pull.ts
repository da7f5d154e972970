import { type Command, Option } from "commander";
import type { ProgressEvent } from "../../engine/engine.ts";
import type { PullResult } from "../../engine/incoming/pull.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { shortID } from "../render/image-id.ts";
import { type Session, withSession } from "../session.ts";
import { maxConcurrentDownloadsOption, maxLayerSizeOption, platformOption, registryOptions } from "../settings.ts";
import { isNameOnly, withTalk } from "../talk.ts";
import { verb } from "../verb.ts";

interface PullCommandOptions {
  readonly allTags?: true;
  readonly platform?: string;
}

export function pullCommand(context: Context): Command {
  const command = verb({
    name: "pull",
    summary: "Pull an image from its registry",
    details:
      "Layers are fetched three at a time and unpacked while they come. A pull that was cut off, stopped or killed goes on " +
      "where it was when it is repeated. The words on stdout are Docker's.",
    examples: [
      "layerfs pull nginx",
      "layerfs pull --platform linux/arm64 quay.io/team/tool:1.2",
      "layerfs pull -a busybox",
    ],
  })
    .argument("<reference>", "NAME[:TAG][@DIGEST]; without both it is the tag latest")
    .option("-a, --all-tags", "pull every tag of the repository")
    .addOption(platformOption())
    .addOption(maxLayerSizeOption())
    .addOption(maxConcurrentDownloadsOption())
    .addOption(
      new Option("--disable-content-trust", "accepted for Docker's sake: signatures are not looked at").hideHelp(),
    );
  for (const option of registryOptions()) command.addOption(option);
  return command.action(async (reference: string, options: PullCommandOptions, command: Command) => {
    await withSession(context, command, (session) => pull(session, reference, options));
  });
}

async function pull(session: Session, reference: string, { allTags, platform }: PullCommandOptions): Promise<void> {
  const { settings, engine, signal, log } = session;
  const warnings: { digest: string; warnings: readonly Warning[] }[] = [];
  const result = await withTalk(session, renderEvent, ({ onProgress, say }) => {
    if (allTags !== true && isNameOnly(reference)) say("Using default tag: latest");
    return engine.pull(reference, {
      signal,
      platform,
      allTags,
      onProgress(event) {
        if (event.type === "layer-done") warnings.push({ digest: event.blob ?? event.layer, warnings: event.warnings });
        onProgress(event);
      },
    });
  });
  for (const { digest, warnings: found } of warnings) logWarnings(log, `layer ${digest}`, found);
  await session.print(result, () => (settings.quiet ? `${result.reference}\n` : renderResult(result)));
}

/** Docker's words; layers by the digests that the registry has them under. */
function renderEvent(event: ProgressEvent): string | null {
  switch (event.type) {
    case "pull-start":
      return `${event.tagOrDigest}: Pulling from ${event.repository}`;
    case "layer-exists":
      return `${shortID(event.blob ?? event.layer)}: Already exists`;
    case "layer-done":
      return `${shortID(event.blob ?? event.layer)}: Pull complete`;
    case "pull-done":
      return `Digest: ${event.digest}`;
    default:
      return null;
  }
}

function renderResult({ name, reference, images }: PullResult): string {
  const status = images.some(({ isNew }) => isNew) ? "Downloaded newer image for" : "Image is up to date for";
  return `Status: ${status} ${name}\n${reference}\n`;
}
