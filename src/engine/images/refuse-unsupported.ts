import { configPlatform, type ImageConfig } from "../../core/config.ts";
import { digestAlgorithm } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";

/** Fails with UNSUPPORTED for what Docker refuses too: layers of another form, or without a place in its layout. */
export function refuseUnsupported(config: ImageConfig): void {
  const { os } = configPlatform(config);
  if (os !== "linux") {
    throw new LayerfsError("UNSUPPORTED", `image ${config.digest} is for ${os}: its layers cannot be unpacked here`);
  }
  const other = config.rootfs.diffIDs.find((diffID) => digestAlgorithm(diffID) !== "sha256");
  if (other !== undefined) {
    throw new LayerfsError(
      "UNSUPPORTED",
      `image ${config.digest}: layer ${other} is named by another digest than sha256`,
    );
  }
}
