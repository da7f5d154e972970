import type { ImageSummary } from "../../engine/images/list-images.ts";
import { createdAt, humanAge } from "./duration.ts";
import { shortID } from "./image-id.ts";
import { humanSize } from "./size.ts";
import { renderTable } from "./table.ts";

export interface ImagesView {
  readonly fullIDs: boolean;
  readonly digests: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The table of `docker images`. */
export function renderImages(images: readonly ImageSummary[], view: ImagesView): string {
  const headings = ["REPOSITORY", "TAG", ...(view.digests ? ["DIGEST"] : []), "IMAGE ID", "CREATED", "SIZE"];
  const rows = images.map((image) => {
    const { Repository, Tag, Digest, ID, CreatedSince, Size } = imageFields(image, view);
    return [Repository, Tag, ...(view.digests ? [Digest] : []), ID, CreatedSince, Size];
  });
  return renderTable(headings, rows);
}

/** Ids alone, one a line, for other commands to take. */
export function renderImageIDs(images: readonly ImageSummary[], view: ImagesView): string {
  return images.map((image) => `${imageFields(image, view).ID}\n`).join("");
}

/** One row a tag, whatever digests its repository has. */
export function withoutDigests(images: readonly ImageSummary[]): ImageSummary[] {
  const rows = new Map(images.map((image) => [JSON.stringify([image.id, image.repository, image.tag]), image]));
  return [...rows.values()].map((image) => ({ ...image, digest: null }));
}

/** The fields that Docker gives to templates, with its values; what it leaves out of lists is `N/A` there too. */
export function imageFields(image: ImageSummary, { fullIDs, now }: ImagesView): Readonly<Record<Field, string>> {
  return {
    Containers: "N/A",
    CreatedAt: createdAt(image.created),
    CreatedSince: humanAge(image.created, now),
    Digest: image.digest ?? "<none>",
    ID: fullIDs ? image.id : shortID(image.id),
    Repository: image.repository ?? "<none>",
    SharedSize: "N/A",
    Size: humanSize(image.size),
    Tag: image.tag ?? "<none>",
    UniqueSize: "N/A",
    VirtualSize: humanSize(image.size, 4),
  };
}

type Field =
  | "Containers"
  | "CreatedAt"
  | "CreatedSince"
  | "Digest"
  | "ID"
  | "Repository"
  | "SharedSize"
  | "Size"
  | "Tag"
  | "UniqueSize"
  | "VirtualSize";
