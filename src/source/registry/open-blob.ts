import type { Descriptor } from "../../core/descriptor.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { htmlInstead } from "./refusal.ts";
import type { RegistryHost } from "./registry-host.ts";
import type { RequestOptions } from "./repository.ts";
import { dropMirror, pullScopes, type RepositoryHosts, retryOptions } from "./repository-hosts.ts";
import { waitAfter } from "./retry.ts";
import type { Answer } from "./transport.ts";

type Blob = Pick<Descriptor, "digest" | "size">;

/** How far a blob has come, over all the requests for it. */
interface Progress {
  position: number;
  /** A strong ETag of the registry's answer: a later range must be of the same bytes (RFC 9110, section 13.1.5). */
  etag: string | null;
}

/** See `Repository.openBlob`. */
export async function* openBlob(
  hosts: RepositoryHosts,
  blob: Blob,
  options: RequestOptions & { readonly offset?: number | undefined },
): AsyncGenerator<Uint8Array> {
  const progress: Progress = { position: options.offset ?? 0, etag: null };
  let failures = 0;
  while (progress.position < blob.size) {
    const [mirror] = hosts.mirrors;
    const before = progress.position;
    try {
      yield* readFrom(mirror ?? hosts.origin, hosts, blob, progress, options);
    } catch (error) {
      failures = progress.position > before ? 1 : failures + 1;
      if (mirror === undefined) {
        await waitAfter(error, failures, hosts.retry, retryOptions(hosts.origin, options));
      } else {
        dropMirror(hosts, mirror, error, options);
        progress.etag = null;
        failures = 0;
      }
    }
  }
}

/** One request, from where the blob stands to where its answer ends. */
async function* readFrom(
  host: RegistryHost,
  hosts: RepositoryHosts,
  blob: Blob,
  progress: Progress,
  { signal }: RequestOptions,
): AsyncGenerator<Uint8Array> {
  const { position, etag } = progress;
  const object = `blob ${hosts.path}@${blob.digest}`;
  const answer = await host.send({
    method: "GET",
    to: `${hosts.path}/blobs/${blob.digest}`,
    headers: {
      "accept-encoding": "identity",
      ...(position > 0 && { range: `bytes=${position}-` }),
      ...(position > 0 && etag !== null && { "if-range": etag }),
    },
    scopes: pullScopes(hosts),
    accept: [200, 206, 416],
    object,
    signal,
  });
  const title = `registry ${host.name}: ${object}`;
  try {
    yield* usable(answer, blob, progress, title);
  } finally {
    // Breaking off here closes the connection; an answer that was read to its end is not touched.
    if (progress.position === position) await answer.discard();
  }
}

async function* usable(answer: Answer, blob: Blob, progress: Progress, title: string): AsyncGenerator<Uint8Array> {
  const start = startOf(answer, blob, progress, title);
  const found = answer.header("etag");
  progress.etag = found !== undefined && !found.startsWith("W/") ? found : null;
  let at = start;
  for await (const chunk of answer.body()) {
    at += chunk.length;
    if (at > blob.size) throw wrongSize(title, blob, `${at} or more`);
    if (at <= progress.position) continue;
    const fresh = chunk.subarray(Math.max(0, chunk.length - (at - progress.position)));
    progress.position = at;
    yield fresh;
  }
  if (at < blob.size && answer.status === 200) throw wrongSize(title, blob, at);
  if (at === start) throw protocol(title, "an answer without a byte", "the rest of the blob");
}

/** The position in the blob of the first byte of an answer. */
function startOf(answer: Answer, blob: Blob, { position }: Progress, title: string): number {
  const encoding = answer.header("content-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "") {
    throw protocol(title, `Content-Encoding ${printable(encoding.slice(0, 40))}`, "the bytes as they are");
  }
  if (answer.status === 416) throw wrongSize(title, blob, sizeIn(answer) ?? `at most ${position}`);
  const length = answer.header("content-length");
  const isHtml = /html/i.test(answer.header("content-type") ?? "");
  // A blob is whatever it is; but a page of a length that is not the blob's comes from somebody else.
  if (isHtml && Number(length ?? -1) !== blob.size - (answer.status === 206 ? position : 0))
    throw htmlInstead(answer, title, "a blob");
  if (answer.status === 200) {
    if (length !== undefined && Number(length) !== blob.size) throw wrongSize(title, blob, printable(length));
    return 0;
  }
  const range = answer.header("content-range") ?? "";
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(range.trim());
  const [, first, last, size] = match ?? [];
  if (size !== undefined && size !== "*" && Number(size) !== blob.size) throw wrongSize(title, blob, size);
  if (Number(first) !== position || Number(last) < position || Number(last) >= blob.size) {
    throw protocol(title, `Content-Range ${printable(range.slice(0, 80)) || "of nothing"}`, `bytes from ${position}`);
  }
  return position;
}

// The whole size, as the Content-Range of an answer tells that has no such range.
function sizeIn(answer: Answer): string | undefined {
  return /^bytes \*\/(\d{1,16})$/i.exec(answer.header("content-range") ?? "")?.[1];
}

function wrongSize(title: string, { size }: Blob, found: string | number): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `${title}: expected ${size} bytes, as the manifest says, found ${found}`, {
    hint: "the registry, or what stands between, gives another blob than the manifest names",
  });
}

function protocol(title: string, found: string, expected: string): LayerfsError {
  return new LayerfsError("REGISTRY", `${title}: expected ${expected}, found ${found}`);
}
