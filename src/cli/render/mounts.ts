import { printable } from "../../core/errors.ts";
import type { MountSummary } from "../../engine/engine.ts";
import { shortID } from "./image-id.ts";
import { renderTable } from "./table.ts";

export function renderMounts(mounts: readonly MountSummary[]): string {
  const rows = mounts.map((mount) => [
    printable(mount.target),
    mount.image === null ? "<directories>" : printable(mount.image.name ?? shortID(mount.image.id)),
    mount.readWrite ? "rw" : "ro",
    mount.mounted ? "mounted" : "not mounted",
  ]);
  return renderTable(["TARGET", "IMAGE", "MODE", "STATE"], rows);
}
