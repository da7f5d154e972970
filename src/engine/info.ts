import { listImageIDs } from "../image/image-db.ts";
import { listChainIDs, readLayerRecord } from "../layer/records.ts";
import type { StoreInfo } from "./engine.ts";
import type { Stores } from "./stores.ts";

export function storeInfo(stores: Stores, readOnly: boolean): StoreInfo {
  const { layout, driver } = stores.layers;
  const chainIDs = listChainIDs(layout);
  return {
    root: stores.root,
    driver: driver.name,
    choice: stores.choice,
    status: driver.status(),
    images: listImageIDs(stores.images).length,
    layers: chainIDs.length,
    mounts: stores.holders.list().length,
    layersSize: chainIDs.reduce((sum, chainID) => sum + (readLayerRecord(layout, chainID)?.size ?? 0), 0),
    readOnly,
  };
}
