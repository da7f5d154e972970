import { noProgress, type ProgressDisplay, terminalProgress } from "./render/progress.ts";
import type { Session } from "./session.ts";

/** Draws on a terminal only, and not where the user or the kind of terminal is against it. */
export function showProgress({ stderr, settings, env, now }: Session): ProgressDisplay {
  const wanted = stderr.isTTY && settings.progress && !settings.quiet && env.TERM !== "dumb";
  return wanted ? terminalProgress(stderr, now) : noProgress;
}

/** Runs `work` with a display of its progress, of which nothing is left when it ends, however that is. */
export async function withProgress<T>(
  session: Session,
  work: (onProgress: ProgressDisplay["update"], hide: ProgressDisplay["hide"]) => Promise<T>,
): Promise<T> {
  const display = showProgress(session);
  try {
    return await work(display.update, display.hide);
  } finally {
    display.stop();
  }
}
