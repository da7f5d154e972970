import { LayerfsError } from "../../core/errors.ts";
import { MAX_JSON_BYTES, parseJson } from "../../core/json.ts";
import { resolveLocation } from "./registry-host.ts";
import type { RequestOptions } from "./repository.ts";
import { pullScopes, type RepositoryHosts, retryOptions } from "./repository-hosts.ts";
import { retrying } from "./retry.ts";
import type { Answer } from "./transport.ts";

/** More tags than the largest public repositories have. */
const MAX_TAGS = 100_000;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** See `Repository.listTags`. Page after page, as the registry's Link headers lead (distribution-spec, "Listing Tags"). */
export async function listTags(hosts: RepositoryHosts, options: RequestOptions): Promise<string[]> {
  const object = `tags of ${hosts.path}`;
  const title = `registry ${hosts.origin.name}: ${object}`;
  const tags = new Set<string>();
  let next: string | URL | null = `${hosts.path}/tags/list`;
  while (next !== null) {
    const to: string | URL = next;
    const page = await retrying(hosts.retry, retryOptions(hosts.origin, options), async () => {
      const request = {
        method: "GET",
        to,
        scopes: pullScopes(hosts),
        accept: [200],
        object,
        signal: options.signal,
      } as const;
      const answer = await hosts.origin.send(request);
      return { tags: await readTags(answer, title), next: await nextPage(answer, title, hosts) };
    });
    const before = tags.size;
    for (const tag of page.tags) tags.add(tag);
    if (tags.size > MAX_TAGS) throw new LayerfsError("LIMIT_EXCEEDED", `${title}: more than ${MAX_TAGS}`);
    next = page.tags.length === 0 ? null : page.next;
    if (next !== null && tags.size === before) {
      throw new LayerfsError("REGISTRY", `${title}: it leads from page to page without another tag`);
    }
  }
  return [...tags];
}

async function readTags(answer: Answer, title: string): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_JSON_BYTES)
      throw new LayerfsError("LIMIT_EXCEEDED", `${title}: more than ${MAX_JSON_BYTES} bytes`);
  }
  const node = parseJson(Buffer.concat(chunks), { title, code: "REGISTRY" });
  return (
    node
      .field("tags")
      .optional((list) => list.items((tag) => (TAG.test(tag.string()) ? tag.string() : tag.fail("a tag")))) ?? []
  );
}

async function nextPage(answer: Answer, title: string, { origin }: RepositoryHosts): Promise<URL | null> {
  const link = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(answer.header("link") ?? "")?.[1];
  return link === undefined ? null : resolveLocation(link, answer.url, title, origin.isInsecure);
}
