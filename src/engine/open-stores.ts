import { chooseDriver } from "../driver/choose.ts";
import { imageChains, prepareImageDb } from "../image/image-db.ts";
import { imageLayout } from "../image/layout.ts";
import { layerStore, prepareLayerStore } from "../layer/store.ts";
import { mountHolders } from "../mount/holders.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { EngineOptions } from "./engine.ts";
import { IGNORE_OWNERS, type Stores } from "./stores.ts";

/** How the stores of a data root are opened. */
export interface StoreSettings extends Omit<EngineOptions, "storageOptions"> {
  readonly root: string;
  readonly storageOptions: ReadonlyMap<string, string>;
}

/** `try`: to read, and to tell what the driver can do here, as `info` does. */
export async function openStores(settings: StoreSettings, purpose: "read" | "try" | "write"): Promise<Stores> {
  const { root, storageOptions } = settings;
  const readOnly = purpose !== "write";
  if (!readOnly) makeDirectories(root, 0o710);
  const { driver, reason, rejected } = await chooseDriver({
    root,
    name: settings.driver,
    options: storageOptions,
    readOnly,
    mayTry: purpose === "try",
  });
  const images = imageLayout(root, driver.name);
  const holders = mountHolders(root);
  const layers = layerStore({
    root,
    driver,
    imageChains: () => imageChains(images),
    mountedIDs: () => holders.list().flatMap((holder) => holder.layers),
  });
  if (!readOnly) {
    prepareLayerStore(layers);
    prepareImageDb(images);
  }
  return {
    root,
    layers,
    images,
    holders,
    choice: [`${driver.name}: ${reason}`, ...rejected.map((other) => `not ${other.reason}`)],
    maxLayerSize: settings.maxLayerSize ?? null,
    ignoreOwners: storageOptions.get(IGNORE_OWNERS) === "true",
  };
}
