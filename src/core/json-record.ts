/** A JSON object of which nothing else is known. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as a record; empty for anything else. */
export function asRecord(value: unknown): JsonRecord {
  return isRecord(value) ? value : {};
}
