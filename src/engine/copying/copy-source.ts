import type { TreeTarOptions } from "../../container/tree-tar.ts";

/** What is copied, wherever it lies. */
export interface CopySource {
  readonly isDirectory: boolean;
  /** What it is called in a directory that it is copied into. */
  readonly name: Buffer;
  /** It is `x/.` or a root: copied into a directory it stands for what is in it. */
  readonly contentOnly: boolean;
  /** With `reuseBuffer` a chunk is valid until the next one is asked for, which may take less memory. */
  tar(options: TreeTarOptions & { readonly reuseBuffer?: boolean | undefined }): AsyncIterable<Buffer>;
}

export interface FollowOptions {
  /** Where the path leads to a symlink, copy what that leads to, inside the same tree. */
  readonly followLink?: boolean | undefined;
}

/** What `docker cp` reads out of a path; `found` is the name of the node that it leads to, empty for a root. */
export function describeCopy(path: string, found: Buffer, isDirectory: boolean): Omit<CopySource, "tar"> {
  const written = /([^/]+)\/*$/.exec(path)?.[1] ?? "";
  const isName = written !== "" && written !== "." && written !== "..";
  return {
    isDirectory,
    name: isName ? Buffer.from(written) : found,
    contentOnly: isDirectory && (found.length === 0 || /(^|\/)\.\/*$/.test(path)),
  };
}
