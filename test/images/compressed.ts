import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface CompressedForm {
  readonly name: string;
  readonly archive: string;
}

const COMPRESSORS = { gzip: ["gzip", "-n", "-c"], zstd: ["zstd", "-q", "-c"] } as const;

/** The archive as a whole, and with its layers one by one, in each compressed form that layerfs reads. */
export function compressedForms(archive: string, scratch: string): CompressedForm[] {
  return Object.entries(COMPRESSORS).flatMap(([name, words]) => {
    const outer = join(scratch, `outer.${name}`);
    shell(`${words.join(" ")} "$1" >"$2"`, archive, outer);
    const directory = join(scratch, `layers-${name}`);
    mkdirSync(directory);
    shell('tar -xf "$1" -C "$2"', archive, directory);
    for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      if (file.endsWith("layer.tar"))
        shell(`${words.join(" ")} "$1" >"$1.tmp" && mv "$1.tmp" "$1"`, join(directory, file));
    }
    shell('tar -cf "$2" -C "$1" .', directory, `${directory}.tar`);
    return [
      { name: `${name} around it`, archive: outer },
      { name: `${name} layers`, archive: `${directory}.tar` },
    ];
  });
}

function shell(script: string, ...operands: readonly string[]): void {
  const { status, stderr } = spawnSync("sh", ["-c", script, "sh", ...operands], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} ${operands.join(" ")}: ${stderr}`);
}
