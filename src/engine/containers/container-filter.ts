import { type Container, type ContainerState, isRunning } from "../../container/container.ts";
import { resolveContainer } from "../../container/resolve.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError } from "../../core/errors.ts";
import { asRecord } from "../../core/json-record.ts";
import { compareTimespec, parseRfc3339, type Timespec } from "../../core/timespec.ts";
import { readParents } from "../../image/metadata.ts";
import { resolveImage } from "../../image/resolve.ts";
import type { Stores } from "../stores.ts";

/** Which containers to list: those that meet all that is given. Of words in one list one must be met, of labels all. */
export interface ContainerFilters {
  /** Those too that do not run. */
  readonly all?: boolean | undefined;
  /** Only so many, the newest; running or not. */
  readonly last?: number | undefined;
  /** Parts of ids and names, or regular expressions. */
  readonly ids?: readonly string[] | undefined;
  readonly names?: readonly string[] | undefined;
  /** `KEY` or `KEY=VALUE`. */
  readonly labels?: readonly string[] | undefined;
  /** These states, whether `all` is said or not. */
  readonly states?: readonly ContainerState[] | undefined;
  /** Those that have ended with one of these statuses; needs `all`. */
  readonly exitCodes?: readonly number[] | undefined;
  /** Made of these images, or of images that were built or committed on them. */
  readonly ancestors?: readonly string[] | undefined;
  /** Made before this container, or after it; with `all` those too that do not run. */
  readonly before?: string | undefined;
  readonly since?: string | undefined;
  /** Name of a volume, or a destination. */
  readonly volumes?: readonly string[] | undefined;
  readonly networks?: readonly string[] | undefined;
}

/** Docker's rules (moby, daemon/list.go). Fails with NOT_FOUND for a container that `before` or `since` does not find. */
export function containerFilter(stores: Stores, filters: ContainerFilters): (container: Container) => boolean {
  const { all = false, last, ids, names, labels, states, exitCodes, volumes, networks } = filters;
  const before = filters.before === undefined ? null : createdTime(resolveContainer(stores, filters.before));
  const since = filters.since === undefined ? null : createdTime(resolveContainer(stores, filters.since));
  const ancestors = filters.ancestors === undefined ? null : ancestorTest(stores, filters.ancestors);
  const isShown = all || last !== undefined || states !== undefined ? () => true : isRunning;
  return (container) => {
    const { id, name, state, document } = container;
    const tests = [
      () => isShown(container),
      () => states === undefined || states.includes(state),
      () => ids === undefined || ids.some((text) => matches(text, id)),
      () => names === undefined || names.some((text) => matches(text, `/${name}`) || matches(text, String(name))),
      () => labels === undefined || labels.every((text) => hasLabel(labelsOf(container), text)),
      () =>
        exitCodes === undefined ||
        (state === "exited" && exitCodes.includes(Number(asRecord(document.State).ExitCode))),
      () => before === null || compareTimespec(createdTime(container), before) < 0,
      () => since === null || compareTimespec(createdTime(container), since) > 0,
      () => volumes === undefined || volumes.some((text) => hasVolume(container, text)),
      () => networks === undefined || networks.some((text) => networksOf(container).includes(text)),
      () => ancestors === null || ancestors(container),
    ];
    return tests.every((test) => test());
  };
}

/** Docker takes the words for regular expressions; what is none can only be a part. */
function matches(text: string, value: string): boolean {
  try {
    return new RegExp(text).test(value);
  } catch (error) {
    if (error instanceof SyntaxError) return value.includes(text);
    throw error;
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const equals = text.indexOf("=");
  if (equals === -1) return text in labels;
  return labels[text.slice(0, equals)] === text.slice(equals + 1);
}

function hasVolume({ document }: Container, text: string): boolean {
  const points = Object.values(asRecord(document.MountPoints)).map(asRecord);
  return points.some(({ Name, Source, Destination }) => [Name, Source, Destination].includes(text));
}

/** The images, and those that were built or committed on them here. */
function ancestorTest(stores: Stores, names: readonly string[]): (container: Container) => boolean {
  const parents = readParents(stores.images);
  const wanted = new Set(names.flatMap((name) => idOf(stores, name) ?? []));
  return ({ image }) => {
    const seen = new Set<Digest>();
    for (let next = image ?? undefined; next !== undefined && !seen.has(next); next = parents.get(next)) {
      if (wanted.has(next)) return true;
      seen.add(next);
    }
    return false;
  };
}

function idOf(stores: Stores, name: string): Digest | null {
  try {
    return resolveImage(stores.images, name).id;
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND")) return null;
    throw error;
  }
}

export function labelsOf({ config }: Container): Readonly<Record<string, string>> {
  return asRecord(config.Labels) as Readonly<Record<string, string>>;
}

export function networksOf({ document }: Container): string[] {
  return Object.keys(asRecord(asRecord(document.NetworkSettings).Networks));
}

export function createdTime({ created }: Container): Timespec {
  return parseRfc3339(created ?? "") ?? { seconds: 0, nanoseconds: 0 };
}
