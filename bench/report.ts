/** What one benchmark has to tell, in all forms. */
export interface Report {
  /** The benchmark's name, which names its files and its part of the page. */
  readonly name: string;
  /** As it is written to a JSON file. */
  readonly results: unknown;
  /** For a terminal. */
  readonly text: string;
  /** Its part of docs/performance.md, between the markers. */
  readonly markdown: string;
  /** SVG. */
  readonly picture: string;
}

/** The picture's name in docs/. */
export function pictureOf(name: string): string {
  return `performance-${name}.svg`;
}

/** The page with a report's Markdown between its markers. */
export function withReport(page: string, { name, markdown }: Pick<Report, "name" | "markdown">): string {
  const begin = `<!-- Made by \`npm run bench -- ${name}\`. -->\n`;
  const from = page.indexOf(begin);
  const to = page.indexOf(`<!-- End of ${name}. -->`, from);
  if (from === -1 || to === -1) throw new Error("the page has no place for the results");
  return page.slice(0, from + begin.length) + markdown + page.slice(to);
}

/** What a run could not measure, and why. */
export interface NotMeasured {
  readonly what: string;
  readonly reason: string;
}

/** A line for each. */
export function notMeasuredLines(missing: readonly NotMeasured[]): string[] {
  return missing.map(({ what, reason }) => `Not measured: ${what}, because ${reason.replace(/\s+/g, " ").trim()}.`);
}
