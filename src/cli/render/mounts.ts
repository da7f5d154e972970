import { printable } from "../../core/errors.ts";
import type { MountSummary } from "../../engine/engine.ts";
import { shortID } from "./image-id.ts";
import { renderTable } from "./table.ts";

export function renderMounts(mounts: readonly MountSummary[]): string {
  const rows = mounts.map((mount) => [
    printable(mount.target),
    subjectOf(mount),
    mount.readWrite ? "rw" : "ro",
    mount.mounted ? "mounted" : "not mounted",
  ]);
  return renderTable(["TARGET", "IMAGE", "MODE", "STATE"], rows);
}

function subjectOf({ container, image }: MountSummary): string {
  if (container !== null) return `container ${printable(container.name ?? container.id.slice(0, 12))}`;
  return image === null ? "<directories>" : printable(image.name ?? shortID(image.id));
}
