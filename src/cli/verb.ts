import { Command } from "commander";

/** What the help tells of a command. */
export interface VerbHelp {
  readonly name: string;
  /** One line, for the list of commands and the head of its own help. */
  readonly summary: string;
  /** Paragraphs below the summary. */
  readonly details?: string;
  /** One to three whole command lines, as they would be typed. */
  readonly examples: readonly string[];
}

export function verb({ name, summary, details, examples }: VerbHelp): Command {
  return new Command(name)
    .summary(summary)
    .description(details === undefined ? summary : `${summary}.\n\n${details}`)
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join("")}`.trimEnd());
}
