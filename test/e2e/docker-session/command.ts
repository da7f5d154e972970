/** A command line that is given to docker and to layerfs. */
export interface SessionCommand {
  readonly argv: readonly string[];
  /** What layerfs is given where it spells it otherwise. */
  readonly layerfs?: readonly string[];
  /** What docker says here, so that the session does not go another way unseen. */
  readonly says?: string;
  /** Why layerfs does not do the same, or say it in the same words. Without it status and words are equal. */
  readonly differs?: Difference;
}

export interface Difference {
  readonly reason: string;
  /** What differs; a status that is not told must be equal. */
  readonly words?: true;
  readonly status?: readonly [docker: readonly number[], layerfs: number];
}

/** docker ends with 1 or 125, depending on who finds the mistake. */
export const usage: Difference = {
  reason: "a command line that cannot be right ends with status 2 everywhere in layerfs, so that a script can tell",
  words: true,
  status: [[1, 125], 2],
};

export function command(line: string, more: Omit<SessionCommand, "argv"> = {}): SessionCommand {
  return { argv: line.split(" "), ...more };
}
