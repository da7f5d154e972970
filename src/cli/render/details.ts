import { isUtf8 } from "node:buffer";
import { printable } from "../../core/errors.ts";
import type { HiddenVersion, NodeDetails } from "../../engine/look/stat-node.ts";
import { renderInstruction } from "./instruction.ts";
import { modeText, timeText } from "./nodes.ts";

const MAX_INSTRUCTION = 100;

/** A fact a line; each name of a fact once. */
export function renderDetails(details: NodeDetails): string {
  const { path, linkTarget, kind, size, nlink, uid, gid, mtime, device, layer, xattrs, hides } = details;
  const rows: (readonly [string, string])[] = [
    ["path", linkTarget === null ? printable(path) : `${printable(path)} -> ${printable(linkTarget)}`],
    ["type", device === null ? kind : `${kind} ${device.major}:${device.minor}`],
    ["size", String(size)],
    ["mode", `${octal(details.mode)} ${modeText(details)}`],
    ["owner", `${uid}:${gid}`],
    ["modified", `${timeText(mtime.seconds)}.${String(mtime.nanoseconds).padStart(9, "0")}`],
    ["links", String(nlink)],
    ...xattrs.map(({ name, value }): [string, string] => ["xattr", `${printable(name)} = ${valueText(value)}`]),
    ["layer", layer < 0 ? "none" : `${layer + 1}  ${details.diffID}`],
    ...(layer < 0 ? [] : [["made by", renderInstruction(details.createdBy, MAX_INSTRUCTION)] as const]),
    ...hides.map((version): [string, string] => ["hides", hiddenText(version)]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function hiddenText({ layer, kind, mode, size, createdBy }: HiddenVersion): string {
  const made = renderInstruction(createdBy, MAX_INSTRUCTION);
  return `layer ${layer + 1}: ${kind} ${octal(mode)}${kind === "file" ? `, ${size} bytes` : ""}  ${made}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Text in quotes, other bytes in hex. */
function valueText(value: Buffer): string {
  const isText = isUtf8(value) && printable(value) === value.toString();
  return isText ? `"${value}"` : `0x${value.toString("hex")}`;
}
