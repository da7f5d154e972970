import { LayerfsError, printable } from "../../core/errors.ts";
import { listImageIDs } from "../../image/image-db.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import type { Stores } from "../stores.ts";

/** The id of the one image of a data root, which `text` names. Fails with NOT_FOUND, AMBIGUOUS. */
export function onlyImage({ images, root }: Stores, text: string): string {
  const [id, ...others] = listImageIDs(images);
  if (id === undefined) throw new LayerfsError("NOT_FOUND", `data root ${root}: there is no image in it`);
  if (others.length === 0) return id;
  const repositories = readRepositories(images);
  const names = [id, ...others].map((each) => tagsOf(repositories, each)[0]?.name ?? each);
  throw new LayerfsError("AMBIGUOUS", `${printable(text)}: there are ${names.length} images, expected one`, {
    hint: `add its name or its id: ${names.map((name) => `:${printable(name)}`).join(", ")}`,
  });
}
