import type { ProgressEvent } from "../engine/engine.ts";
import { write } from "./output.ts";
import { withProgress } from "./progress.ts";
import { renderRetry } from "./render/retry.ts";
import type { Session } from "./session.ts";

export interface Talk {
  readonly onProgress: (event: ProgressEvent) => void;
  /** Writes a line to stdout. */
  readonly say: (line: string) => void;
}

/**
 * Runs a call that talks to a registry: with a display of its progress, with the lines on stdout that `lineOf` makes of
 * its events as they come (not with -q or another format than for people), and with a warning for each repeated request.
 */
export async function withTalk<T>(
  session: Session,
  lineOf: (event: ProgressEvent) => string | null,
  work: (talk: Talk) => Promise<T>,
): Promise<T> {
  const { settings, stdout, log } = session;
  const talks = settings.format.kind === "table" && !settings.quiet;
  let written: Promise<void> = Promise.resolve();
  const result = await withProgress(session, (update, hide) => {
    const say = (line: string): void => {
      if (!talks) return;
      hide();
      written = written.then(() => write(stdout, `${line}\n`));
      written.catch(() => {}); // told at the end
    };
    const onProgress = (event: ProgressEvent): void => {
      update(event);
      if (event.type === "retry") {
        hide();
        log.warn(renderRetry(event));
      }
      const line = lineOf(event);
      if (line !== null) say(line);
    };
    return work({ onProgress, say });
  });
  await written;
  return result;
}

/** Whether a reference has neither tag nor digest. What goes wrong with it is told by the engine. */
export function isNameOnly(reference: string): boolean {
  return !/[:@]/.test(reference.slice(reference.lastIndexOf("/") + 1));
}
