import type { InstalledPackage } from "./package.ts";

/** More than any package.json has; a larger file is none. */
const MAX_BYTES = 4 * 1024 * 1024;

/** package.json of a package that npm has installed: directly below node_modules, or below a scope there. */
export function isNpmFile(path: string): boolean {
  return /(^|\/)node_modules\/(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path);
}

export async function readNpm(path: string, content: AsyncIterable<Buffer>): Promise<InstalledPackage[]> {
  const found = parse(await textOf(content));
  if (found === null) return [];
  const directory = Buffer.from(`/${path.slice(0, path.lastIndexOf("/"))}`, "latin1");
  return [{ manager: "npm", ...found, architecture: null, path: directory }];
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size <= MAX_BYTES) chunks.push(Buffer.from(chunk));
  }
  return size <= MAX_BYTES ? Buffer.concat(chunks).toString("utf8") : "";
}

/** null for what is no package.json of an installed package. */
function parse(text: string): { readonly name: string; readonly version: string } | null {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document !== "object" || document === null || !("name" in document) || !("version" in document)) {
      return null;
    }
    const { name, version } = document;
    return typeof name === "string" && typeof version === "string" ? { name, version } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
