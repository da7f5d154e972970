import { join } from "node:path";

/** What the commands that only read are tried on. */
export interface ReadingSubject {
  /** As `docker-root:PATH:NAME` or `oci:DIR`. */
  readonly image: string;
  readonly other: string;
  /** A file of the image, and one of its directories. */
  readonly file: string;
  readonly directory: string;
}

/** Each command that looks into an image and changes nothing of it; those that write do so to `output`. */
export function readingCommands({ image, other, file, directory }: ReadingSubject, output: string): string[][] {
  return [
    ["ls", "-lR", image],
    ["ls", "--layer", "2", image, directory],
    ["ls", "-R", "--deleted", image],
    ["tree", image],
    ["tree", "--deleted", "--changed", image],
    ["stat", image, file],
    ["find", image, "--type", "f"],
    ["cat", image, file],
    ["cp", `${image}:${directory}`, join(output, "copied")],
    ["cp", `${image}:${file}`, "-"],
    ["export", "-o", join(output, "exported.tar"), image],
    ["compare", image, other],
    ["waste", image],
    ["explain", image],
    ["explain", image, file],
    ["inspect", image],
    ["history", image],
  ];
}

/** Each command that reads a store and its images by their names there. */
export function storeCommands(name: string, output: string): string[][] {
  return [
    ["images", "-a"],
    ["info"],
    ["inspect", name],
    ["history", name],
    ["explain", name],
    ["ls", name],
    ["check"],
    ["save", "-o", join(output, "saved.tar"), name],
  ];
}
