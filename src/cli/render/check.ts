import { printable } from "../../core/errors.ts";
import type { CheckResult } from "../../engine/check/check.ts";
import type { Finding } from "../../engine/check/findings.ts";
import { shortID } from "./image-id.ts";

/** A line a finding, what to do below those that need the same, and how much was looked at. */
export function renderCheck({ findings, images, layers, unseen }: CheckResult): string {
  const parts = (["damage", "unreferenced"] as const).flatMap((kind) => {
    const ofKind = findings.filter((finding) => finding.kind === kind);
    return [...Map.groupBy(ofKind, ({ hint }) => hint)].map(([hint, alike]) => {
      const lines = alike.map((finding) => `${kind}: ${renderFinding(finding)}\n`).join("");
      return hint === null ? lines : `${lines}  -> ${printable(hint)}\n`;
    });
  });
  const damages = findings.filter(({ kind }) => kind === "damage").length;
  const unreferenced = findings.length - damages;
  const notes = unseen.map((what) => `note: ${what}\n`);
  return `${parts.join("")}${notes.join("")}checked ${count(images, "image")}, ${count(layers, "layer")}: ${damages} damaged, ${unreferenced} unreferenced\n`;
}

function renderFinding({ images, diffID, path, what, expected, found }: Finding): string {
  const isCompared = expected !== null || found !== null;
  const where = [
    ...(images.length === 0 ? [] : [images.map((name) => printable(name)).join(", ")]),
    ...(diffID === null ? [] : [`layer ${shortID(diffID)}`]),
    ...(path === null || !isCompared ? [] : [printable(path)]),
  ];
  const difference = isCompared ? `${what} is ${found}, expected ${expected}` : what;
  return [...where, printable(difference)].join(": ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
