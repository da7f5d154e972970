/**
 * The form of a path under which an archive's entry is found, one for every way to write it: `./a//b/` and `/x/../a/b`
 * are both `a/b`, as latin1 text of its bytes. Undefined for a path that leaves the archive or names its root.
 */
export function archiveKey(path: Uint8Array): string | undefined {
  const kept: string[] = [];
  for (const part of Buffer.from(path).toString("latin1").split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.pop() === undefined) return undefined;
  }
  return kept.length === 0 ? undefined : kept.join("/");
}

/** The same for a symbolic link's target, read from the directory of the link; an absolute one leaves the archive. */
export function linkTargetKey(linkKey: string, target: Uint8Array): string | undefined {
  if (target[0] === "/".charCodeAt(0)) return undefined;
  const directory = linkKey.slice(0, linkKey.lastIndexOf("/") + 1);
  return archiveKey(Buffer.concat([Buffer.from(directory, "latin1"), target]));
}
