import { type Digest, parseDigest } from "./digest.ts";
import { isLayerfsError, LayerfsError, printable } from "./errors.ts";

/** A name in full: `nginx` is parsed to domain `docker.io` and path `library/nginx`. Made by `parseReference` only. */
export interface NamedReference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/**
 * All that a user's word for an image may mean; at least one is there. `abcd` is a repository and the beginning of an
 * id; a repository of that name wins. Full ids give `id` and never a reference.
 */
export interface ImageName {
  readonly reference?: NamedReference | undefined;
  /** The whole id. */
  readonly id?: Digest | undefined;
  /** The first 1..63 hex digits of an id. */
  readonly idPrefix?: string | undefined;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
const MAX_PATH_LENGTH = 255;
/** Longer input is refused unread: a path of 255, a domain name of 255 with port, a tag of 128 and a sha512 digest fit in. */
const MAX_REFERENCE_LENGTH = 1024;

const DOMAIN_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = `(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(`^(?:(${DOMAIN})/)?(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const FULL_ID = /^[a-f0-9]{64}$/;
const ID_PREFIX = /^(?:sha256:)?([a-f0-9]{1,63})$/;

/**
 * Reads a name as Docker does (grammar and normal form of the distribution project's `reference` package): a first
 * part is a domain if it has a dot, a colon or an upper-case letter or is `localhost`; otherwise the name lies on
 * docker.io, in `library/` if it has one part. No tag is added. Fails with INVALID_REFERENCE.
 */
export function parseReference(text: string): NamedReference {
  if (text.length > MAX_REFERENCE_LENGTH) throw invalid(text, `expected at most ${MAX_REFERENCE_LENGTH} characters`);
  if (FULL_ID.test(text)) {
    throw invalid(text, "64 hex digits are an image id, not a repository name", `write sha256:${text} for the image`);
  }
  const { domain, remainder } = splitDomain(text);
  const path = remainder.split(/[:@]/, 1)[0]!;
  if (/[A-Z]/.test(path)) throw invalid(text, "the repository name must be in lower case");
  const match = REFERENCE.exec(`${domain}/${remainder}`);
  if (match?.[1] === undefined) throw invalid(text, "expected [DOMAIN/]PATH[:TAG][@DIGEST]");
  if (match[2]!.length > MAX_PATH_LENGTH) {
    throw invalid(text, `the repository name has ${match[2]!.length} characters, expected at most ${MAX_PATH_LENGTH}`);
  }
  return reference(match[1], match[2]!, match[3], parseReferenceDigest(text, match[4]));
}

/**
 * Reads what a user writes where an image may be named by reference, by id or by the beginning of an id, with or
 * without `sha256:`. Fails with INVALID_REFERENCE if it can be none of them.
 */
export function parseImageName(text: string): ImageName {
  if (FULL_ID.test(text)) return { id: parseDigest(`sha256:${text}`) };
  if (text.startsWith("sha256:") && FULL_ID.test(text.slice("sha256:".length))) return { id: parseDigest(text) };
  const idPrefix = ID_PREFIX.exec(text)?.[1];
  return idPrefix === undefined ? { reference: parseReference(text) } : { reference: tryParse(text), idPrefix };
}

/** The reference with tag `latest` if it has neither tag nor digest. */
export function withDefaultTag(ref: NamedReference): NamedReference {
  return ref.tag === undefined && ref.digest === undefined ? { ...ref, tag: DEFAULT_TAG } : ref;
}

/** The repository in full: `docker.io/library/nginx`. */
export function canonicalName(ref: NamedReference): string {
  return `${ref.domain}/${ref.path}`;
}

/** The reference in full: `docker.io/library/nginx:latest`. */
export function canonicalString(ref: NamedReference): string {
  return canonicalName(ref) + suffix(ref);
}

/** The repository as Docker shows it: `nginx`, `someone/tool`, `quay.io/x/y`. */
export function familiarName(ref: NamedReference): string {
  if (ref.domain !== DEFAULT_DOMAIN) return canonicalName(ref);
  const official = ref.path.startsWith(OFFICIAL_PREFIX) ? ref.path.slice(OFFICIAL_PREFIX.length) : ref.path;
  return official.includes("/") ? ref.path : official;
}

/** The reference as Docker shows it: `nginx:latest`, `nginx@sha256:…`. */
export function familiarString(ref: NamedReference): string {
  return familiarName(ref) + suffix(ref);
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf("/");
  if (slash === -1) return { domain: DEFAULT_DOMAIN, remainder: OFFICIAL_PREFIX + text };
  const [first, rest] = [text.slice(0, slash), text.slice(slash + 1)];
  const isDomain = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const domain = !isDomain || first === LEGACY_DEFAULT_DOMAIN ? DEFAULT_DOMAIN : first;
  const remainder = isDomain ? rest : text;
  const isOfficial = domain === DEFAULT_DOMAIN && !remainder.includes("/");
  return { domain, remainder: isOfficial ? OFFICIAL_PREFIX + remainder : remainder };
}

function parseReferenceDigest(text: string, digest: string | undefined): Digest | undefined {
  if (digest === undefined) return undefined;
  try {
    return parseDigest(digest);
  } catch (error) {
    if (!isLayerfsError(error)) throw error;
    throw new LayerfsError("INVALID_REFERENCE", `reference ${quoted(text)}: ${error.message}`, {
      cause: error,
      hint: error.hint,
    });
  }
}

function reference(domain: string, path: string, tag: string | undefined, digest: Digest | undefined): NamedReference {
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

function tryParse(text: string): NamedReference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isLayerfsError(error, "INVALID_REFERENCE")) return undefined;
    throw error;
  }
}

function suffix(ref: NamedReference): string {
  const tag = ref.tag === undefined ? "" : `:${ref.tag}`;
  return ref.digest === undefined ? tag : `${tag}@${ref.digest}`;
}

function invalid(text: string, problem: string, hint?: string): LayerfsError {
  return new LayerfsError("INVALID_REFERENCE", `reference ${quoted(text)}: ${problem}`, { hint });
}

function quoted(text: string): string {
  return text.length > 300 ? `"${printable(text.slice(0, 300))}"…` : `"${printable(text)}"`;
}
