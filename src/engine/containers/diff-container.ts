import { containerChanges } from "../../container/changes.ts";
import { resolveContainer } from "../../container/resolve.ts";
import type { Change } from "../engine.ts";
import type { Stores } from "../stores.ts";

export function diffContainer(stores: Stores, text: string): Promise<Change[]> {
  return containerChanges(stores, resolveContainer(stores, text));
}
