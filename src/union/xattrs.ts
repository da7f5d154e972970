import type { EntryKind } from "../tar/entry.ts";

/** Private to overlayfs: in a layer they could hide or redirect files of other layers, so they never go in or out. */
export function isOverlayXattr(key: string): boolean {
  return /^(trusted|user)\.overlay\./.test(key);
}

/** Whether a node of this kind can have the attribute: Linux allows `user.` on files and directories only. */
export function allowsXattr(kind: EntryKind, key: string): boolean {
  return kind === "file" || kind === "directory" || !key.startsWith("user.");
}
