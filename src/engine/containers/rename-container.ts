import { nameConflict, parseContainerName } from "../../container/name-grammar.ts";
import { containerNames } from "../../container/names.ts";
import { writeConfigDocument } from "../../container/records.ts";
import { resolveContainer } from "../../container/resolve.ts";
import { LayerfsError } from "../../core/errors.ts";
import { asRecord } from "../../core/json-record.ts";
import { exclusively } from "../../layer/store.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

/** Gives a container another name. Fails with NOT_FOUND, USAGE, and with CONFLICT where another container has the name. */
export function renameContainer(stores: Stores, text: string, wanted: string): Promise<void> {
  return exclusively(stores.layers, async () => {
    if (text === "" || wanted === "") throw new LayerfsError("USAGE", "Neither old nor new names may be empty");
    await recoverAll(stores);
    const container = resolveContainer(stores, text);
    if (container.name === null) {
      throw new LayerfsError("CORRUPT_STORE", `container ${container.id}: its config.v2.json is missing or damaged`, {
        hint: "remove the container",
      });
    }
    const name = parseContainerName(wanted);
    if (name === container.name) {
      throw new LayerfsError("USAGE", "Renaming a container with the same name as its current name");
    }
    const holder = containerNames(stores).get(name);
    if (holder !== undefined) throw nameConflict(name, holder);
    const NetworkSettings = { ...asRecord(container.document.NetworkSettings), IsAnonymousEndpoint: false };
    writeConfigDocument(stores, container.id, { ...container.document, Name: `/${name}`, NetworkSettings });
  });
}
