import { E2BIG, EINVAL } from "./errno.ts";
import { type FileSystemContext, tryFsopen } from "./mount.ts";

/** Most lower directories that overlayfs joins (OVL_MAX_STACK). */
export const MAX_LOWERS = 500;

/** All directories are descriptors, opened with O_PATH. */
export interface OverlayDirectories {
  /** Topmost first. */
  readonly lowers: readonly number[];
  readonly upper?: { readonly directory: number; readonly work: number } | undefined;
}

export interface OverlayFailure {
  readonly errno: number;
  /** The kernel's own words, often empty. */
  readonly message: string;
}

/**
 * Makes an overlay that is attached nowhere yet: a descriptor of its mount, readable and writable below /proc/self/fd,
 * which vanishes with the descriptor. `options` are overlayfs's own, such as `index=off`, `userxattr`.
 *
 * The result's errno is ENOSYS where the kernel has no mount API for it (before Linux 5.2), and E2BIG where it takes
 * directories only as text (before 6.13) and this text would be too long (more than about 14 lowers).
 */
export function makeOverlay(directories: OverlayDirectories, options: readonly string[]): number | OverlayFailure {
  const context = tryFsopen("overlay");
  if (typeof context === "number") return { errno: -context, message: "" };
  using _ = context;
  const result = configure(context, directories, options);
  return result < 0 ? { errno: -result, message: context.message() } : result;
}

/** Longest text that fsconfig(2) takes. */
const MAX_STRING = 255;

function configure(context: FileSystemContext, directories: OverlayDirectories, options: readonly string[]): number {
  const { lowers, upper } = directories;
  const settings = [
    () => context.setString("source", "overlay"),
    () => setLowers(context, lowers),
    ...(upper === undefined
      ? []
      : [() => setDirectory(context, "upperdir", upper.directory), () => setDirectory(context, "workdir", upper.work)]),
    ...options.map((option) => () => setOption(context, option)),
    () => context.create(),
  ];
  for (const setting of settings) {
    const result = setting();
    if (result < 0) return result;
  }
  return context.mount(0);
}

function setLowers(context: FileSystemContext, lowers: readonly number[]): number {
  for (const [index, fd] of lowers.entries()) {
    const result = context.setDescriptor("lowerdir+", fd);
    if (result === -EINVAL && index === 0) {
      context.message();
      return setLowersAsText(context, lowers);
    }
    if (result < 0) return result;
  }
  return 0;
}

function setLowersAsText(context: FileSystemContext, lowers: readonly number[]): number {
  const text = lowers.map(descriptorPath).join(":");
  return text.length > MAX_STRING ? -E2BIG : context.setString("lowerdir", text);
}

function setDirectory(context: FileSystemContext, key: string, fd: number): number {
  const result = context.setDescriptor(key, fd);
  if (result !== -EINVAL) return result;
  context.message();
  return context.setString(key, descriptorPath(fd));
}

function setOption(context: FileSystemContext, option: string): number {
  const equals = option.indexOf("=");
  if (equals === -1) return context.setFlag(option);
  return context.setString(option.slice(0, equals), option.slice(equals + 1));
}

function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
