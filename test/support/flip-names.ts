import { openDirectory, tryRenameat2 } from "../../src/sys/at.ts";
import { RENAME_EXCHANGE } from "../../src/sys/flags.ts";

/** A program: lets two names in a directory change places, over and over, until it is ended. */
const [directory = "", first = "", second = ""] = process.argv.slice(2);
const fd = openDirectory(directory);
process.stdout.write("ready\n");
for (;;) {
  const result = tryRenameat2(fd, Buffer.from(first), fd, Buffer.from(second), RENAME_EXCHANGE);
  if (result < 0) throw new Error(`renameat2: ${result}`);
}
