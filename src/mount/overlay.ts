import { LayerfsError } from "../core/errors.ts";
import type { OverlayStep } from "../driver/plan.ts";
import { openPath } from "../sys/at.ts";
import { E2BIG, ENODEV, ENOSYS } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { MS_RDONLY, O_DIRECTORY, O_PATH } from "../sys/flags.ts";
import { MAX_MOUNT_DATA, tryAttach, tryMount } from "../sys/mount.ts";
import { MAX_LOWERS, makeOverlay, type OverlayFailure } from "../sys/overlay.ts";
import { mountFailure } from "./failure.ts";

/**
 * How the directories reach the kernel:
 * - `descriptors`: one by one as open descriptors (Linux 6.13), up to 500;
 * - `paths`: as text in the one page of options that mount(2) takes;
 * - `descriptor-paths`: the same with /proc/self/fd/N for each lower, which is shorter: about 220.
 */
export type OverlayMethod = "descriptors" | "paths" | "descriptor-paths";

/**
 * Mounts an overlay; without `upper` it is read-only. Takes the first method that fits, or `method` alone.
 *
 * Fails with LIMIT_EXCEEDED past what the kernel or the method allows (mount(2) would cut the list silently),
 * PERMISSION without CAP_SYS_ADMIN, MOUNT_FAILED with the kernel's words otherwise.
 */
export function mountOverlay(step: OverlayStep, method?: OverlayMethod): void {
  if (step.lowers.length > MAX_LOWERS) throw tooMany(step, `the kernel joins at most ${MAX_LOWERS}`);
  withOpenLowers(step, (lowers) => {
    if (method === undefined) mountByFirstFitting(step, lowers);
    else mountBy(method, step, lowers);
  });
}

/** A path as overlayfs reads it in its options: `:` separates lowers, `,` options, and `\` takes their meaning away. */
export function escapeOverlayPath(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}

function mountByFirstFitting(step: OverlayStep, lowers: readonly number[]): void {
  const failure = mountByDescriptors(step, lowers);
  if (failure === null) return;
  if (failure.errno !== ENOSYS && failure.errno !== E2BIG) throw overlayFailure(step, failure);
  const short = fits(optionText(step, step.lowers.map(escapeOverlayPath)));
  mountBy(short ? "paths" : "descriptor-paths", step, lowers);
}

function mountBy(method: OverlayMethod, step: OverlayStep, lowers: readonly number[]): void {
  if (method === "descriptors") {
    const failure = mountByDescriptors(step, lowers);
    if (failure !== null) throw overlayFailure(step, failure);
    return;
  }
  const paths = method === "paths" ? step.lowers.map(escapeOverlayPath) : lowers.map((fd) => `/proc/self/fd/${fd}`);
  mountByText(step, paths);
}

/**
 * The overlay attached nowhere, as a descriptor of its root that is close-on-exec and whose end is the mount's; null where
 * the kernel can only attach it. Fails as `mountOverlay`.
 */
export function makeDetachedOverlay(step: OverlayStep): number | null {
  if (step.lowers.length > MAX_LOWERS) throw tooMany(step, `the kernel joins at most ${MAX_LOWERS}`);
  const result = withOpenLowers(step, (lowers) => makeByDescriptors(step, lowers));
  if (typeof result === "number") return result;
  if (result.errno === ENOSYS || result.errno === E2BIG) return null;
  throw overlayFailure(step, result);
}

function withOpenLowers<T>(step: OverlayStep, use: (lowers: readonly number[]) => T): T {
  const lowers: number[] = [];
  try {
    for (const lower of step.lowers) lowers.push(openPath(lower, O_PATH | O_DIRECTORY));
    return use(lowers);
  } finally {
    for (const fd of lowers) close(fd);
  }
}

function mountByDescriptors(step: OverlayStep, lowers: readonly number[]): OverlayFailure | null {
  const result = makeByDescriptors(step, lowers);
  return typeof result === "number" ? attach(result, step.target) : result;
}

function makeByDescriptors(step: OverlayStep, lowers: readonly number[]): number | OverlayFailure {
  const opened = (step.upper === undefined ? [] : [step.upper.directory, step.upper.work]).map((path) =>
    openPath(path, O_PATH | O_DIRECTORY),
  );
  const [directory, work] = opened;
  try {
    const upper = directory === undefined || work === undefined ? undefined : { directory, work };
    return makeOverlay({ lowers, upper }, step.options);
  } finally {
    for (const fd of opened) close(fd);
  }
}

function attach(mountFd: number, target: string): OverlayFailure | null {
  const result = tryAttach(mountFd, target);
  close(mountFd);
  return result < 0 ? { errno: -result, message: "" } : null;
}

function mountByText(step: OverlayStep, paths: readonly string[]): void {
  const text = optionText(step, paths);
  if (!fits(text)) throw tooMany(step, `their paths take ${Buffer.byteLength(text)} of ${MAX_MOUNT_DATA} bytes`);
  const flags = step.upper === undefined ? MS_RDONLY : 0;
  const result = tryMount("overlay", step.target, "overlay", flags, text);
  if (result < 0) throw overlayFailure(step, { errno: -result, message: "" });
}

function optionText(step: OverlayStep, paths: readonly string[]): string {
  const { upper, options } = step;
  const writable =
    upper === undefined
      ? []
      : [`upperdir=${escapeOverlayPath(upper.directory)}`, `workdir=${escapeOverlayPath(upper.work)}`];
  return [`lowerdir=${paths.join(":")}`, ...writable, ...options].join(",");
}

function fits(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_MOUNT_DATA;
}

function tooMany(step: OverlayStep, limit: string): LayerfsError {
  return new LayerfsError("LIMIT_EXCEEDED", `cannot mount ${step.lowers.length} layers on ${step.target}: ${limit}`, {
    hint: "layerfs ls, cat and export read an image of any depth without mounting it",
  });
}

function overlayFailure(step: OverlayStep, failure: OverlayFailure): LayerfsError {
  const message = failure.errno === ENODEV ? "the kernel has no overlayfs" : failure.message;
  return mountFailure(`an overlay of ${step.lowers.length} layers`, step.target, { ...failure, message });
}
