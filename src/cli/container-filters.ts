import type { ContainerState } from "../container/container.ts";
import type { ContainerFilters } from "../engine/containers/container-filter.ts";
import { usageError } from "./usage.ts";

const STATES: readonly ContainerState[] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
/** Filters whose words stand side by side. */
const LISTS = {
  id: "ids",
  name: "names",
  label: "labels",
  ancestor: "ancestors",
  volume: "volumes",
  network: "networks",
} as const satisfies Readonly<Record<string, keyof ContainerFilters>>;

/** One `--filter KEY=VALUE` of `ps`, added to those before it. Fails with USAGE in Docker's words. */
export function addContainerFilter(filters: ContainerFilters, text: string): ContainerFilters {
  const equals = text.indexOf("=");
  if (equals === -1) throw usageError(`--filter: bad format of filter (expected name=value), found "${text}"`);
  const key = text.slice(0, equals).trim().toLowerCase();
  const value = text.slice(equals + 1).trim();
  if (isList(key)) return { ...filters, [LISTS[key]]: [...(filters[LISTS[key]] ?? []), value] };
  switch (key) {
    case "status":
      return { ...filters, states: [...(filters.states ?? []), parseState(value)] };
    case "exited":
      if (!/^\d+$/.test(value)) throw usageError(`Invalid filter 'exited=${value}'`, "expected a number");
      return { ...filters, exitCodes: [...(filters.exitCodes ?? []), Number(value)] };
    case "before":
    case "since":
      return { ...filters, [key]: value };
    default:
      throw usageError(
        `Invalid filter '${key}'`,
        `there are ${[...Object.keys(LISTS), "status", "exited", "before", "since"].join(", ")}`,
      );
  }
}

function isList(key: string): key is keyof typeof LISTS {
  return Object.hasOwn(LISTS, key);
}

function parseState(text: string): ContainerState {
  const state = STATES.find((each) => each === text);
  if (state !== undefined) return state;
  throw usageError(`Invalid filter 'status=${text}'`, `expected ${STATES.join(", ")}`);
}
