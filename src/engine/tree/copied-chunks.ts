/** Each chunk in memory of its own, for whoever keeps it, of a source that uses its memory again for the next one. */
export async function* copiedChunks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}
