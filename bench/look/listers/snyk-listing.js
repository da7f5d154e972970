/**
 * `node snyk-listing.js DIR SOURCE`: all paths of an image that snyk-docker-plugin, installed in DIR, gives to a scanner,
 * as JSON. It gives regular files that an action wants, and symlinks; the action here wants every file and looks at none
 * of its bytes. Plain JavaScript, so that no types are stripped in the measured time.
 */
import { createRequire } from "node:module";

const [directory, source] = process.argv.slice(2);
const { extractContent } = createRequire(`${directory}/`)("snyk-docker-plugin");
const ACTION = "size";

const everyFile = {
  actionName: ACTION,
  filePathMatches: () => true,
  callback: async (content, size) => {
    content.resume(); // the archive's reader waits until the content is taken
    return String(size);
  },
};

try {
  const { extractedLayers, symlinks } = await extractContent([everyFile], { path: source });
  const files = Object.entries(extractedLayers).map(([path, { [ACTION]: size }]) => [path, Number(size)]);
  process.stdout.write(JSON.stringify({ files, symlinks: Object.keys(symlinks ?? {}) }));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
