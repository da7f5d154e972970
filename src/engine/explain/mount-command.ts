import type { MountStep } from "../../driver/plan.ts";
import { escapeOverlayPath } from "../../mount/overlay.ts";

/** A step of a driver's plan as a shell command. */
export function mountCommand(step: MountStep): string {
  if (step.kind === "bind") {
    return words(["mount", "--bind", ...(step.readOnly ? ["-o", "ro"] : []), step.source, step.target]);
  }
  const { lowers, upper, options, target } = step;
  const directories = [`lowerdir=${lowers.map(escapeOverlayPath).join(":")}`];
  if (upper !== undefined) {
    directories.push(`upperdir=${escapeOverlayPath(upper.directory)}`, `workdir=${escapeOverlayPath(upper.work)}`);
  }
  const all = [...(upper === undefined ? ["ro"] : []), ...directories, ...options];
  return words(["mount", "-t", "overlay", "overlay", "-o", all.join(","), target]);
}

/**
 * The same for a read-only overlay with short names of its directories, relative to the driver's own directory, which
 * is how dockerd fits many of them into one page of options. null where a directory has none.
 *
 * `shortPaths`: directory -> short name.
 */
export function shortMountCommand(
  step: MountStep,
  home: string,
  shortPaths: ReadonlyMap<string, string>,
): string | null {
  if (step.kind === "bind") return null;
  const lowers = step.lowers.flatMap((lower) => shortPaths.get(lower) ?? []);
  if (step.upper !== undefined || lowers.length < step.lowers.length) return null;
  return `${words(["cd", home])} && ${mountCommand({ ...step, lowers })}`;
}

function words(all: readonly string[]): string {
  return all.map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
