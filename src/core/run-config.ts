import { asRecord, isRecord, type JsonRecord } from "./json-record.ts";

/** How containers run, with Docker's field names. */
export type RunConfigDocument = JsonRecord;

/** Fields of a container's config in Docker's order (moby, api/types/container/config.go), and their empty values. */
const RUN_CONFIG_FIELDS: readonly (readonly [name: string, empty: unknown])[] = [
  ["Hostname", ""],
  ["Domainname", ""],
  ["User", ""],
  ["AttachStdin", false],
  ["AttachStdout", false],
  ["AttachStderr", false],
  ["ExposedPorts", undefined],
  ["Tty", false],
  ["OpenStdin", false],
  ["StdinOnce", false],
  ["Env", null],
  ["Cmd", null],
  ["Healthcheck", undefined],
  ["ArgsEscaped", undefined],
  ["Image", ""],
  ["Volumes", null],
  ["WorkingDir", ""],
  ["Entrypoint", null],
  ["NetworkDisabled", undefined],
  ["MacAddress", undefined],
  ["OnBuild", null],
  ["Labels", null],
  ["StopSignal", undefined],
  ["StopTimeout", undefined],
  ["Shell", undefined],
];

const COMMANDS: readonly string[] = ["Cmd", "Entrypoint", "Shell"];
const MAPS: readonly string[] = ["ExposedPorts", "Volumes", "Labels"];

/**
 * The same config as Docker 20.10 writes and shows it: every field that it always shows, and of the others those that are
 * not empty, in its order. What is no object counts as an empty config; fields that Docker does not know are left out.
 */
export function normaliseRunConfig(value: unknown): RunConfigDocument {
  const found = asRecord(value);
  const fields = RUN_CONFIG_FIELDS.map(([name, empty]): [string, unknown] => {
    const field = found[name] ?? empty;
    return [name, empty === undefined && isEmpty(field) ? undefined : normalised(name, field)];
  });
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}

/** Docker takes a command of one word without its list, and Go writes maps in the order of their keys. */
function normalised(name: string, field: unknown): unknown {
  if (COMMANDS.includes(name) && typeof field === "string") return [field];
  if (!MAPS.includes(name) || !isRecord(field)) return field;
  return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return !value;
  return Object.keys(value).length === 0;
}
