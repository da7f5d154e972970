import { LayerfsError } from "../core/errors.ts";
import { EACCES, EPERM, errnoName } from "../sys/errno.ts";

/** The error of a refused mount: PERMISSION where the privilege is missing, else MOUNT_FAILED with the kernel's words. */
export function mountFailure(
  what: string,
  target: string,
  failure: { readonly errno: number; readonly message: string },
): LayerfsError {
  const errno = errnoName(failure.errno);
  const words = failure.message === "" ? errno : `${errno}, ${failure.message}`;
  const denied = failure.errno === EPERM || failure.errno === EACCES;
  return new LayerfsError(denied ? "PERMISSION" : "MOUNT_FAILED", `cannot mount ${what} on ${target}: ${words}`, {
    errno,
    hint: denied
      ? "mounting needs root (CAP_SYS_ADMIN) or layerfs unshare; layerfs ls and cat read an image without mounting it"
      : undefined,
  });
}
