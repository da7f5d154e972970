import { LayerfsError, printable } from "../core/errors.ts";

/** What `-v` names: a directory of this machine, a volume with a name, or one that gets a name. */
export interface VolumeOption {
  readonly kind: "bind" | "named" | "anonymous";
  /** Absolute, clean path in the container. */
  readonly destination: string;
  /** Path or name; "" for an anonymous one. */
  readonly source: string;
  /** Words of the mode, such as `ro`. */
  readonly mode: readonly string[];
}

export const PROPAGATIONS: readonly string[] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
/** At most one word of each row (moby, volume/mounts/linux_parser.go). */
const MODES: readonly (readonly string[])[] = [["rw", "ro"], ["z", "Z"], ["nocopy"], PROPAGATIONS];

/** Reads `[SOURCE:]DESTINATION[:MODE]`. Fails with USAGE in Docker's words. */
export function parseVolume(text: string): VolumeOption {
  const parts = text.split(":");
  const [first = "", second, third] = parts;
  if (parts.length > 3 || parts.includes("") || (parts.length === 2 && isMode(second as string)))
    throw new LayerfsError("USAGE", `invalid volume specification: '${printable(text)}'`);
  if (second === undefined) return { kind: "anonymous", destination: destination(text, first), source: "", mode: [] };
  const mode = third === undefined ? [] : third.split(",");
  if (!isMode(mode.join(","))) throw new LayerfsError("USAGE", `invalid mode: ${printable(third ?? "")}`);
  const kind = first.startsWith("/") ? "bind" : "named";
  if (kind === "named") checkVolumeName(first);
  return { kind, destination: destination(text, second), source: kind === "bind" ? cleanPath(first) : first, mode };
}

/** Reads `DESTINATION[:OPTIONS]`. */
export function parseTmpfs(text: string): readonly [destination: string, options: string] {
  const colon = text.indexOf(":");
  const path = colon === -1 ? text : text.slice(0, colon);
  if (!path.startsWith("/")) {
    throw new LayerfsError("USAGE", `invalid mount path: '${printable(path)}' mount path must be absolute`);
  }
  return [path, colon === -1 ? "" : text.slice(colon + 1)];
}

/** As Go's filepath.Clean of an absolute path. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function isMode(text: string): boolean {
  if (text === "") return true;
  const words = text.split(",");
  return (
    words.every((word) => MODES.some((row) => row.includes(word))) && MODES.every((row) => occurs(row, words) <= 1)
  );
}

function occurs(row: readonly string[], words: readonly string[]): number {
  return words.filter((word) => row.includes(word)).length;
}

function destination(text: string, path: string): string {
  const clean = cleanPath(path);
  const problem = !path.startsWith("/")
    ? `invalid mount path: '${path}' mount path must be absolute`
    : clean === "/"
      ? "invalid specification: destination can't be '/'"
      : null;
  if (problem === null) return clean;
  throw new LayerfsError("USAGE", printable(`invalid volume specification: '${text}': ${problem}`));
}

function checkVolumeName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new LayerfsError(
    "USAGE",
    `"${printable(name)}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    { hint: "a directory of this machine is given by its absolute path" },
  );
}
