/**
 * Every failure that layerfs reports has one of these codes. The set is closed: a program may switch over it.
 *
 * | code | meaning |
 * | --- | --- |
 * | USAGE | the call itself is wrong: unknown option, missing argument |
 * | INVALID_REFERENCE, INVALID_DIGEST, INVALID_PLATFORM | a name that does not follow its grammar |
 * | INVALID_MANIFEST, INVALID_CONFIG | JSON of an image, or Docker's config.json, that is not what its specification demands; a change to a config that none can have |
 * | INVALID_ARCHIVE | an archive whose parts do not make an image |
 * | INVALID_TAR | malformed tar bytes; the message has the offset |
 * | INVALID_COMPRESSION | a damaged or truncated gzip or zstd stream |
 * | INVALID_LAYER | a well-formed tar that is no layer: duplicate path, impossible whiteout, unrepresentable node |
 * | DIGEST_MISMATCH | bytes that are not the ones their digest promises |
 * | UNSUPPORTED | a legal thing that layerfs does not do; the message names it |
 * | NOT_FOUND, AMBIGUOUS | no object, or more than one, answers to the name |
 * | CONFLICT | the object is in use or already there in another form |
 * | NO_SPACE, LIMIT_EXCEEDED | the disk or a configured bound is reached |
 * | PERMISSION, READ_ONLY | the system refuses |
 * | UNAUTHORIZED | a registry wants other credentials |
 * | RATE_LIMITED | a registry refuses more requests for now |
 * | REGISTRY | a registry that cannot be reached, or answers what its protocol does not allow |
 * | ROOT_IN_USE | another program (dockerd) holds the data root, or a lock was not had in time |
 * | DRIVER_UNSUPPORTED | the storage driver cannot work here |
 * | MOUNT_FAILED | the kernel refused a mount or an unmount |
 * | CORRUPT_STORE | a record on disk that is missing or damaged |
 * | SYSTEM | any other failed system call; `errno` has its name |
 * | CANCELLED | the caller's signal was aborted |
 */
export type ErrorCode =
  | "USAGE"
  | "INVALID_REFERENCE"
  | "INVALID_DIGEST"
  | "INVALID_PLATFORM"
  | "INVALID_MANIFEST"
  | "INVALID_CONFIG"
  | "INVALID_ARCHIVE"
  | "INVALID_TAR"
  | "INVALID_COMPRESSION"
  | "INVALID_LAYER"
  | "DIGEST_MISMATCH"
  | "UNSUPPORTED"
  | "NOT_FOUND"
  | "AMBIGUOUS"
  | "CONFLICT"
  | "NO_SPACE"
  | "LIMIT_EXCEEDED"
  | "PERMISSION"
  | "READ_ONLY"
  | "UNAUTHORIZED"
  | "RATE_LIMITED"
  | "REGISTRY"
  | "ROOT_IN_USE"
  | "DRIVER_UNSUPPORTED"
  | "MOUNT_FAILED"
  | "CORRUPT_STORE"
  | "SYSTEM"
  | "CANCELLED";

export interface ErrorDetails {
  /** What the user can do about it, one sentence without a full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Name of the failed system call's error, such as "ENOENT". */
  readonly errno?: string | undefined;
}

/** The one error class. The message names the object, what was expected and what was found. */
export class LayerfsError extends Error {
  override readonly name = "LayerfsError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errno: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.errno = details.errno;
  }
}

export function isLayerfsError(error: unknown, code?: ErrorCode): error is LayerfsError {
  return error instanceof LayerfsError && (code === undefined || error.code === code);
}

/**
 * A failure to read `object` (such as `layer sha256:…`), told so that it names it. What names an object of that kind
 * already, and what is no fault of the object, stays as it is.
 */
export function withObject(error: unknown, object: string): unknown {
  const [kind = ""] = object.split(" ");
  if (!isLayerfsError(error) || !OBJECT_FAULTS.has(error.code) || error.message.startsWith(`${kind} `)) return error;
  const { code, message, hint, errno } = error;
  return new LayerfsError(code, `${object}: ${message}`, { hint, errno, cause: error });
}

const OBJECT_FAULTS: ReadonlySet<ErrorCode> = new Set([
  "INVALID_CONFIG",
  "INVALID_TAR",
  "INVALID_COMPRESSION",
  "INVALID_LAYER",
  "DIGEST_MISMATCH",
  "CORRUPT_STORE",
  "UNSUPPORTED",
  "LIMIT_EXCEEDED",
  "NO_SPACE",
]);

/** A LayerfsError as plain data, to cross a thread boundary; `reviveError` is its inverse. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly errno: string | undefined;
}

export function errorRecord(error: LayerfsError): ErrorRecord {
  return { code: error.code, message: error.message, hint: error.hint, errno: error.errno };
}

export function reviveError(record: ErrorRecord): LayerfsError {
  return new LayerfsError(record.code, record.message, { hint: record.hint, errno: record.errno });
}

/** Exit status of the command for each code: 2 for wrong usage, 1 for everything that failed. */
export function exitStatus(code: ErrorCode): number {
  return code === "USAGE" ? 2 : 1;
}

/**
 * Text from outside (a name in an archive, a path) made safe for a message: escaped are control characters, those that
 * turn the direction of what follows or break the line (Unicode's Bidi_Control, U+2028 and U+2029), and bytes that are no
 * UTF-8.
 */
export function printable(text: string | Uint8Array): string {
  const decoded = typeof text === "string" ? text : decodeLossless(text);
  if (decoded.search(HARMFUL) < 0) return decoded;
  return decoded.replace(HARMFUL, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function decodeLossless(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  if (!text.includes("\ufffd") || Buffer.from(text, "utf8").equals(bytes)) return text;
  return buffer.toString("latin1").replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
}
