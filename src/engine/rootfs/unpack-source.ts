import type { ApplyPool } from "../../layer/apply/pool.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import type { CallOptions } from "../engine.ts";
import { refuseUnsupported } from "../images/refuse-unsupported.ts";
import { workerBytes } from "../outgoing/spooled-layer.ts";
import type { OpenedImage } from "../source.ts";
import { prepareTarget, type UnpackSettings, unpackLayers } from "./unpack.ts";

/** As `unpackImage`, without a store. */
export function unpackSource(
  { image }: OpenedImage,
  directory: string,
  settings: UnpackSettings,
  pool: ApplyPool,
  options: CallOptions,
): Promise<{ readonly warnings: readonly Warning[] }> {
  refuseUnsupported(image.config);
  const layers = image.layers.map((layer) => ({
    diffID: layer.diffID,
    open: () => workerBytes(layer, options.signal),
    size: layer.extent?.length ?? layer.descriptor?.size ?? 0,
  }));
  return unpackLayers(layers, prepareTarget(directory), settings, pool, options);
}
