import { type ErrorCode, isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { parseRetryAfter, passing } from "./retry.ts";
import type { Answer } from "./transport.ts";

/** What is read of an answer that refuses. */
const MAX_REFUSAL_BYTES = 64 * 1024;
const MAX_ERRORS = 5;
const MAX_TEXT = 400;

/** Statuses after which the same request may well succeed. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

const HTML_HINT = "is there a registry at this address? A proxy or a login page may have answered";

interface RegistryFault {
  readonly code: string;
  readonly message: string;
}

/**
 * The failure that an answer means, whose body is read for it. `object` names registry and what was asked for:
 * `registry r.example: manifest lab/x:1`, and `registry` is its name.
 *
 * Codes: UNAUTHORIZED (401, 403), NOT_FOUND (404), RATE_LIMITED (429), DIGEST_MISMATCH (the registry found the bytes to
 * be others), else REGISTRY.
 */
export async function refusal(answer: Answer, object: string, registry: string): Promise<LayerfsError> {
  const text = await readText(answer);
  const type = answer.header("content-type") ?? "";
  const isHtml = /html/i.test(type) || /^\s*<(?:!doctype|html)/i.test(text);
  const faults = isHtml ? [] : readFaults(text);
  const said = isHtml ? htmlNote(type, answer) : saidBy(faults);
  const code = codeOf(answer, faults, isHtml);
  const message = `${object}: ${describe(code, answer)}${said}${limitsOf(answer)}`;
  const error = new LayerfsError(code, message, { hint: hintFor(code, isHtml, registry) });
  if (!PASSING_STATUSES.has(answer.status)) return error;
  return passing(error, parseRetryAfter(answer.header("retry-after"), Date.now()));
}

/** `an answer of type text/html …` for an answer whose body is no JSON of a registry. */
function htmlNote(type: string, { status, url }: Answer): string {
  return `; ${printable(url.host)} answers HTML (${printable(type.slice(0, 100)) || "no content type"}, status ${status})`;
}

/** The failure of an answer that should have been something else, and is a page for people. */
export function htmlInstead(answer: Answer, object: string, expected: string): LayerfsError {
  const note = htmlNote(answer.header("content-type") ?? "", answer);
  return new LayerfsError("REGISTRY", `${object}: expected ${expected}${note}`, { hint: HTML_HINT });
}

function codeOf({ status }: Answer, faults: readonly RegistryFault[], isHtml: boolean): ErrorCode {
  if (faults.some(({ code }) => code === "TOOMANYREQUESTS") || status === 429) return "RATE_LIMITED";
  if (status === 401 || status === 403) return "UNAUTHORIZED";
  if (faults.some(({ code }) => code === "DIGEST_INVALID")) return "DIGEST_MISMATCH";
  return status === 404 && !isHtml ? "NOT_FOUND" : "REGISTRY";
}

function describe(code: ErrorCode, { status, url }: Answer): string {
  if (code === "NOT_FOUND") return `there is none at ${printable(url.host)}`;
  if (code === "RATE_LIMITED") return `too many requests (status ${status})`;
  if (status === 401) return "access is refused (status 401)";
  if (status === 403) return "access is denied (status 403)";
  return `unexpected status ${status}`;
}

function hintFor(code: ErrorCode, isHtml: boolean, registry: string): string | undefined {
  if (isHtml) return HTML_HINT;
  if (code === "UNAUTHORIZED") {
    return `is the name right? Then log in with an account that may do this: layerfs login ${printable(registry)}`;
  }
  if (code === "RATE_LIMITED") return "wait, or log in: registries allow more to those that they know";
  return undefined;
}

/** What is left of a limit, as registries tell it. */
function limitsOf(answer: Answer): string {
  const names = ["ratelimit-limit", "ratelimit-remaining"];
  const told = names.flatMap((name) => {
    const value = answer.header(name);
    return value === undefined ? [] : [`${name}: ${printable(value.slice(0, 60))}`];
  });
  return told.length === 0 ? "" : ` (${told.join(", ")})`;
}

function saidBy(faults: readonly RegistryFault[]): string {
  return faults.length === 0 ? "" : `: ${faults.map(({ code, message }) => `${code}: ${message}`).join("; ")}`;
}

/** What a registry says went wrong (distribution-spec, "Error Codes"), or a token server (RFC 6749, section 5.2). */
function readFaults(text: string): RegistryFault[] {
  const document = tryParse(text);
  if (!isRecord(document)) return [];
  const list = Array.isArray(document.errors) ? document.errors : [document];
  return list.slice(0, MAX_ERRORS).flatMap((fault: unknown) => {
    if (!isRecord(fault)) return [];
    const code = firstText(fault.code, fault.error);
    const message = firstText(fault.message, fault.error_description, fault.details);
    return code === "" && message === "" ? [] : [{ code: code || "error", message }];
  });
}

function firstText(...values: readonly unknown[]): string {
  const text = values.find((value) => typeof value === "string" && value !== "");
  return printable(String(text ?? "").slice(0, MAX_TEXT));
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The beginning of the body; empty where the connection breaks off, as the status tells enough. */
async function readText(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body()) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_REFUSAL_BYTES) break;
    }
  } catch (error) {
    if (!isLayerfsError(error, "REGISTRY")) throw error;
  }
  return Buffer.concat(chunks).subarray(0, MAX_REFUSAL_BYTES).toString("utf8");
}
