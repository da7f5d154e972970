/** Most bytes of one line; of a longer one only the beginning is looked at. */
const MAX_LINE = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads paragraphs of `KEY:VALUE` lines that blank lines divide, as dpkg and apk keep their packages. Only the fields in
 * `keys` are kept. Bytes that are not UTF-8 become U+FFFD.
 */
export async function* readStanzas(
  content: AsyncIterable<Buffer>,
  keys: readonly string[],
): AsyncGenerator<ReadonlyMap<string, string>> {
  let stanza = new Map<string, string>();
  for await (const line of linesOf(content)) {
    if (line === "") {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      continue;
    }
    const colon = line.indexOf(":");
    const key = line.slice(0, Math.max(0, colon));
    if (keys.includes(key)) stanza.set(key, line.slice(colon + 1).trim());
  }
  if (stanza.size > 0) yield stanza;
}

async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of content) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield asText(rest + chunk.toString("latin1", start, end));
      rest = "";
      start = end + 1;
    }
    if (rest.length < MAX_LINE) rest += chunk.toString("latin1", start);
  }
  if (rest !== "") yield asText(rest);
}

function asText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
