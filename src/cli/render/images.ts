import type { ImageSummary } from "../../engine/engine.ts";
import { humanAge } from "./duration.ts";
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
  const rows = images.map((image) => [
    image.repository ?? "<none>",
    image.tag ?? "<none>",
    ...(view.digests ? [image.digest ?? "<none>"] : []),
    imageID(image, view),
    humanAge(image.created, view.now),
    humanSize(image.size),
  ]);
  return renderTable(headings, rows);
}

/** Ids alone, one a line, for other commands to take. */
export function renderImageIDs(images: readonly ImageSummary[], view: Pick<ImagesView, "fullIDs">): string {
  return images.map((image) => `${imageID(image, view)}\n`).join("");
}

function imageID(image: ImageSummary, { fullIDs }: Pick<ImagesView, "fullIDs">): string {
  return fullIDs ? image.id : shortID(image.id);
}
