import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { normalize } from "node:path/posix";

/** An entry of a layer, as GNU tar lists it. */
export interface ListedEntry {
  /** Bytes as latin1, from the root on, without a leading or trailing `/`. */
  readonly path: string;
  /** First letter of the mode: `-` file, `d` directory, `l` symlink, `h` hard link, … */
  readonly type: string;
  /** Bytes of content. */
  readonly size: number;
  /** Of a hard link, in the form of `path`. */
  readonly linkedTo: string | null;
}

export type ListedLayers = readonly (readonly ListedEntry[])[];

/** All entries of the layers of an OCI layout with one image, lowest layer first. */
export function listLayers(layout: string): ListedLayers {
  const read = (digest: string): string => join(layout, "blobs", digest.replace(":", "/"));
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const manifest: { layers: { digest: string }[] } = JSON.parse(readFileSync(read(manifests[0].digest), "utf8"));
  return manifest.layers.map(({ digest }) => listEntries(read(digest)));
}

const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
const LINE = new RegExp(`^(.)\\S+ +\\S+ +(\\d+)(?:,\\d+)? +\\S+ +\\S+ +${QUOTED}(?: link to ${QUOTED})?`);

function listEntries(tar: string): ListedEntry[] {
  const words = ["-tvPf", tar, "--numeric-owner", "--full-time", "--quoting-style=c"];
  const options = { encoding: "latin1", maxBuffer: 2 ** 28, env: { ...process.env, LC_ALL: "C", TZ: "UTC" } } as const;
  const { status, stdout, stderr } = spawnSync("tar", words, options);
  if (status !== 0) throw new Error(`tar ${words.join(" ")}: ${stderr}`);
  return stdout.split("\n").flatMap((line): ListedEntry[] => {
    if (line === "") return [];
    const [, type, size, name, target] = LINE.exec(line) ?? [];
    if (type === undefined || name === undefined) throw new Error(`tar ${words.join(" ")}: found the line ${line}`);
    const isSized = type !== "c" && type !== "b";
    const linkedTo = target === undefined ? null : clean(unquote(target));
    return [{ path: clean(unquote(name)), type, size: isSized ? Number(size) : 0, linkedTo }];
  });
}

function clean(path: string): string {
  return normalize(`/${path}`).replace(/^\/|\/$/g, "");
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unquote(text: string): string {
  return text.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );
}
