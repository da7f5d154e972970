import { type Command, Option } from "commander";
import type { ProgressEvent } from "../../engine/engine.ts";
import type { PullResult } from "../../engine/pull.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { Context } from "../context.ts";
import { logWarnings } from "../log.ts";
import { write } from "../output.ts";
import { withProgress } from "../progress.ts";
import { shortID } from "../render/image-id.ts";
import { type Session, withSession } from "../session.ts";
import { maxConcurrentDownloadsOption, maxLayerSizeOption, platformOption, registryOptions } from "../settings.ts";
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
  const { settings, engine, signal, stdout, log } = session;
  const warnings: { digest: string; warnings: readonly Warning[] }[] = [];
  const talks = settings.format.kind === "table" && !settings.quiet;
  let written: Promise<void> = Promise.resolve();
  const result = await withProgress(session, async (update, hide) => {
    const say = (line: string): void => {
      if (!talks) return;
      hide();
      written = written.then(() => write(stdout, `${line}\n`));
      written.catch(() => {}); // told at the end
    };
    if (allTags !== true && isNameOnly(reference)) say("Using default tag: latest");
    return await engine.pull(reference, {
      signal,
      platform,
      allTags,
      onProgress(event) {
        update(event);
        if (event.type === "layer-done") warnings.push({ digest: event.blob ?? event.layer, warnings: event.warnings });
        if (event.type === "retry") {
          hide();
          log.warn(renderRetry(event));
        }
        const line = renderEvent(event);
        if (line !== null) say(line);
      },
    });
  });
  await written;
  for (const { digest, warnings: found } of warnings) logWarnings(log, `layer ${digest}`, found);
  await session.print(result, () => (settings.quiet ? `${result.reference}\n` : renderResult(result)));
}

/** What goes wrong with the reference is told by the engine. */
function isNameOnly(reference: string): boolean {
  return !/[:@]/.test(reference.slice(reference.lastIndexOf("/") + 1));
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

function renderRetry({ registry, reason, wait, asked }: Extract<ProgressEvent, { type: "retry" }>): string {
  const seconds = `${Math.ceil(wait / 1000)} s`;
  return asked
    ? `registry ${registry} asks to wait ${seconds}: ${reason}`
    : `registry ${registry}: ${reason}; trying again in ${seconds}`;
}
