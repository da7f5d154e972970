import { LayerfsError, printable } from "../core/errors.ts";

/** Fails with USAGE on a `--storage-opt` key that the driver does not know, and names those that it does. */
export function checkOptions(driver: string, options: ReadonlyMap<string, string>, known: readonly string[]): void {
  for (const key of options.keys()) {
    if (known.includes(key)) continue;
    const expected = known.length === 0 ? "it has none" : `expected ${known.join(", ")}`;
    throw new LayerfsError("USAGE", `storage option "${printable(key)}" is unknown to ${driver}: ${expected}`);
  }
}
