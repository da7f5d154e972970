const begin = "<!-- The output of `npm run tour`, put here by `npm run tour -- --readme`. -->\n```console\n";
const end = "```\n<!-- End of the tour. -->";

/** The tour's output as README.md has it. */
export function tourOfReadme(readme: string): string {
  const [from, to] = bounds(readme);
  return readme.slice(from, to);
}

export function withTour(readme: string, output: string): string {
  const [from, to] = bounds(readme);
  return readme.slice(0, from) + normalised(output) + readme.slice(to);
}

/** What differs from run to run made the same: the temporary directory, the store's random ids, the image's age. */
export function normalised(output: string): string {
  return output
    .replace(/\S*\/layerfs-tour-\w{6}/g, "/tmp/layerfs-tour")
    .replace(/(\/(?:overlay2|vfs\/dir)\/)[0-9a-f]{64}/g, "$1CACHE-ID")
    .replace(/(cache-id +|(?<= )overlay2\/)[0-9a-f]{64}/g, "$1CACHE-ID")
    .replace(/(\/overlay2\/l\/|(?<=[:= "])l\/)[0-9A-Z]{26}/g, "$1SHORT-ID")
    .replace(/\b(\d+ (second|minute|hour|day|week|month|year)s?|About an? (minute|hour)) ago/g, "2 years ago")
    .replace(/^(REPOSITORY .*)CREATED +SIZE/gm, "$1CREATED       SIZE");
}

function bounds(readme: string): [number, number] {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error("README.md has no place for the tour");
  return [from + begin.length, to];
}
