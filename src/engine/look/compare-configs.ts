import type { HistoryEntry, ImageConfig } from "../../core/config.ts";

export interface ConfigChange {
  /** Such as `Env.PATH`, `Labels.version`, `Cmd` or `architecture`. */
  readonly field: string;
  /** Text as it stands, everything else as JSON; null where it is absent. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Steps of the two histories, oldest first, from the first one on that differs. */
export interface HistoryChange {
  /** How many steps both begin with. */
  readonly same: number;
  readonly before: readonly HistoryStepText[];
  readonly after: readonly HistoryStepText[];
}

export interface HistoryStepText {
  readonly createdBy: string;
  readonly emptyLayer: boolean;
}

/** What the layers tell anyway, and the time, which differs for each build. */
const LEFT_OUT = new Set(["rootfs", "history", "created", "container", "container_config", "docker_version", "id"]);

/** Sorted by field. */
export function compareConfigs(before: ImageConfig, after: ImageConfig): ConfigChange[] {
  const [one, other] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .sort()
    .map((field) => ({ field, before: one.get(field) ?? null, after: other.get(field) ?? null }))
    .filter((change) => change.before !== change.after);
}

export function compareHistories(before: ImageConfig, after: ImageConfig): HistoryChange {
  const [one, other] = [before.history.map(textOf), after.history.map(textOf)];
  let same = 0;
  while (same < one.length && same < other.length && isSame(one[same]!, other[same]!)) same++;
  return { same, before: one.slice(same), after: other.slice(same) };
}

function fieldsOf({ raw }: ImageConfig): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [key, value] of Object.entries(raw)) {
    if (key === "config") flatten("", value, fields);
    else if (!LEFT_OUT.has(key)) add(fields, key, value);
  }
  return fields;
}

function flatten(prefix: string, value: unknown, fields: Map<string, string>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    add(fields, prefix, value);
    return;
  }
  for (const [key, field] of Object.entries(value)) {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    if (name === "Env" && Array.isArray(field)) for (const line of field) addVariable(fields, String(line));
    else if (prefix === "" && typeof field === "object") flatten(name, field, fields);
    else add(fields, name, field);
  }
}

function addVariable(fields: Map<string, string>, line: string): void {
  const equals = line.indexOf("=");
  fields.set(`Env.${equals === -1 ? line : line.slice(0, equals)}`, equals === -1 ? "" : line.slice(equals + 1));
}

/** What says nothing is as good as absent. */
function add(fields: Map<string, string>, key: string, value: unknown): void {
  if (value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0)) return;
  fields.set(key, typeof value === "string" ? value : JSON.stringify(value));
}

function textOf({ createdBy = "", emptyLayer }: HistoryEntry): HistoryStepText {
  return { createdBy, emptyLayer };
}

function isSame(one: HistoryStepText, other: HistoryStepText): boolean {
  return one.createdBy === other.createdBy && one.emptyLayer === other.emptyLayer;
}
