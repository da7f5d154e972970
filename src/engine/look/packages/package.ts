/** A package that a package manager has installed in an image. */
export interface InstalledPackage {
  readonly manager: "dpkg" | "apk" | "npm";
  readonly name: string;
  readonly version: string;
  /** Of dpkg and apk; null elsewhere. */
  readonly architecture: string | null;
  /** Its directory, of npm, which may have a package in many places; null elsewhere. Bytes, with a leading `/`. */
  readonly path: Buffer | null;
}

/** Reads the packages that a file tells of; what is malformed tells of none. The content is read to its end. */
export type PackageReader = (path: string, content: AsyncIterable<Buffer>) => Promise<InstalledPackage[]>;
