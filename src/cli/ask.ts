import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Context } from "./context.ts";

/** Asks a person at a terminal for a line. A secret is not shown while it is typed. Fails as `signal` says. */
export async function ask(
  { stdin, stderr, signal }: Pick<Context, "stdin" | "stderr" | "signal">,
  question: string,
  options: { readonly secret: boolean },
): Promise<string> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = options.secret ? nothing : stderr;
  const lines = createInterface({ input: stdin, output, terminal: true });
  // In its raw form the terminal gives Ctrl-C as a character.
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    if (options.secret) stderr.write(question);
    const answer = await lines.question(options.secret ? "" : question, { signal });
    if (options.secret) stderr.write("\n");
    return answer;
  } finally {
    lines.close();
  }
}

/** All that is to be read, without the line's end that `echo` leaves. At most `limit` bytes; null: there is more. */
export async function readSecret(stdin: Context["stdin"], limit: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > limit) return null;
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
