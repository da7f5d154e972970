import { type ErrorCode, isLayerfsError, LayerfsError, printable } from "./errors.ts";

/** Largest JSON document of an image that is read (OCI distribution-spec: registries take manifests of 4 MiB). */
export const MAX_JSON_BYTES: number = 4 * 1024 * 1024;

export interface JsonDocument {
  /** What the document is, for messages: "image manifest". */
  readonly title: string;
  /** The code that every refusal of it has. */
  readonly code: ErrorCode;
}

/**
 * One value of an untrusted JSON document, with its place in it. Readers check the type and fail with the document's
 * code, naming the place, what was expected and what was found. A null counts as absent, as it does in Go.
 */
export class JsonNode {
  readonly value: unknown;
  readonly #document: JsonDocument;
  readonly #parent: JsonNode | undefined;
  readonly #name: string | number;

  /** Without a parent the value is the whole document; `name` is the field or index in the parent. */
  constructor(document: JsonDocument, value: unknown, parent?: JsonNode, name: string | number = "") {
    this.#document = document;
    this.value = value;
    this.#parent = parent;
    this.#name = name;
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  object(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) this.fail("an object");
    return this.value as Record<string, unknown>;
  }

  /** A field of this object, which may be absent. */
  field(name: string): JsonNode {
    const object = this.object();
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    return new JsonNode(this.#document, value, this, name);
  }

  /** What `read` makes of each field of this object. */
  entries<T>(read: (name: string, node: JsonNode) => T): T[] {
    return Object.keys(this.object()).map((name) => read(name, this.field(name)));
  }

  /** What `read` makes of each item of this array; nodes are not kept, as an array of 4 MiB has millions of items. */
  items<T>(read: (node: JsonNode) => T): T[] {
    if (!Array.isArray(this.value)) this.fail("an array");
    return this.value.map((item, index) => read(new JsonNode(this.#document, item, this, index)));
  }

  string(): string {
    if (typeof this.value !== "string") this.fail("a string");
    return this.value;
  }

  boolean(): boolean {
    if (typeof this.value !== "boolean") this.fail("true or false");
    return this.value;
  }

  /** A whole number from 0 to 2^53-1. */
  size(): number {
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0) this.fail("a whole number from 0 to 2^53-1");
    return this.value as number;
  }

  strings(): string[] {
    return this.items((item) => item.string());
  }

  stringMap(): ReadonlyMap<string, string> {
    return new Map(this.entries((name, node) => [name, node.string()]));
  }

  /** What `read` makes of this value, or undefined if it is absent. */
  optional<T>(read: (node: JsonNode) => T): T | undefined {
    return this.isAbsent ? undefined : read(this);
  }

  /** What `parse` makes of this string; its failure becomes this document's, with the place. */
  parsed<T>(parse: (text: string) => T): T {
    return this.key(this.string(), parse);
  }

  /** The same for the name under which this value lies in its object. */
  key<T>(text: string, parse: (text: string) => T): T {
    try {
      return parse(text);
    } catch (error) {
      if (!isLayerfsError(error)) throw error;
      throw this.#error(error.message, { cause: error, hint: error.hint });
    }
  }

  fail(expected: string): never {
    throw this.#error(`expected ${expected}, found ${describe(this.value)}`);
  }

  #error(problem: string, details?: { cause: unknown; hint: string | undefined }): LayerfsError {
    const place = this.#parent === undefined ? "" : `${printable(this.#place())}: `;
    return new LayerfsError(this.#document.code, `${this.#document.title}: ${place}${problem}`, details);
  }

  #place(): string {
    const above = this.#parent === undefined ? "" : this.#parent.#place();
    if (typeof this.#name === "number") return `${above}[${this.#name}]`;
    return above === "" ? this.#name : `${above}.${this.#name}`;
  }
}

/**
 * Reads a JSON document of at most MAX_JSON_BYTES. Bytes that are not UTF-8 are replaced, as Go does: whoever needs
 * the document byte for byte keeps its bytes.
 */
export function parseJson(bytes: Uint8Array, document: JsonDocument): JsonNode {
  if (bytes.length > MAX_JSON_BYTES) {
    throw new LayerfsError(
      document.code,
      `${document.title}: it has ${bytes.length} bytes, expected at most ${MAX_JSON_BYTES}`,
    );
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  try {
    return new JsonNode(document, JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new LayerfsError(document.code, `${document.title}: it is not JSON: ${printable(error.message)}`, {
      cause: error,
    });
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value);
  return printable(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
