import type { ViewNode } from "../../../view/view.ts";
import { kindTests, type NodeKindTests } from "./stats.ts";

/** As `fs.Dirent`. */
export interface ImageDirent<Name extends string | Buffer> extends NodeKindTests {
  readonly name: Name;
  /** The directory as it was asked for, with what lies between it and the entry. */
  readonly parentPath: string;
}

/** `below` is the path below the directory `base`. */
export function direntOf(
  { kind, name }: ViewNode,
  below: Buffer,
  base: Buffer,
  encode: (bytes: Buffer) => string | Buffer,
): ImageDirent<string | Buffer> {
  const between = below.subarray(0, Math.max(0, below.length - name.length - 1));
  const parent =
    between.length === 0 ? base : Buffer.concat([base, SLASH.subarray(endsInSlash(base) ? 1 : 0), between]);
  return { name: encode(name), parentPath: parent.toString(), ...kindTests(kind) };
}

const SLASH = Buffer.from("/");

function endsInSlash(path: Buffer): boolean {
  return path.at(-1) === SLASH[0];
}
