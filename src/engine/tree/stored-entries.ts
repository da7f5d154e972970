import { readSplit } from "../../layer/stored-tar.ts";
import { readHeaders } from "../../tar/tar-split.ts";
import type { LayerEntry } from "../../view/merged-tree.ts";

/** The entries of a layer of the store, from its tar-split records. */
export async function* storedEntries(tarSplit: string): AsyncGenerator<LayerEntry> {
  for await (const { entry, recordedName } of readHeaders(readSplit(tarSplit)))
    yield { entry, storedName: recordedName };
}
