import { randomInt } from "node:crypto";
import { LayerfsError, printable } from "../core/errors.ts";

/** Fails with USAGE where Docker would not take the name, in its words. A `/` before it does no harm. */
export function parseContainerName(text: string): string {
  const name = text.replace(/^\//, "");
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw new LayerfsError(
    "USAGE",
    `Invalid container name (${printable(text)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { hint: "a name has at least two characters" },
  );
}

/** The error of a name that another container has. */
export function nameConflict(name: string, holder: string): LayerfsError {
  const message = `Conflict. The container name "/${name}" is already in use by container "${holder}".`;
  return new LayerfsError(
    "CONFLICT",
    `${message} You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

/** A name that `isTaken` does not know, such as `quiet_harbor`; with a number where words alone do not do. */
export function inventName(isTaken: (name: string) => boolean): string {
  for (let tries = 0; ; tries++) {
    const words = `${pick(QUALITIES)}_${pick(THINGS)}`;
    const name = tries < 3 ? words : `${words}${randomInt(10 ** Math.min(tries, 9))}`;
    if (!isTaken(name)) return name;
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] as string;
}

const QUALITIES: readonly string[] =
  "amber ample apt bold brave bright brisk calm candid clear clever cool copper cosy deep early eager even fair fast firm fond free fresh gentle glad golden grand green honest humble keen kind late light lively loyal lucid merry mild modest neat noble open patient plain polite proud quick quiet rapid ready rustic sandy serene sharp silver sincere smooth sober sound steady still sturdy subtle sunny swift tidy trusty vivid warm wise witty young".split(
    " ",
  );
const THINGS: readonly string[] =
  "acorn anchor arch atlas barge beacon birch boulder bridge brook canal canyon cedar cliff clover cobalt compass coral cove crane creek delta dock dune elm ember falcon fern field fjord forest garden glacier granite grove harbor hazel heron hill inlet iris island jetty juniper lagoon lake lantern larch ledge marble marsh meadow mesa moss oak orchard otter pebble pier pine plateau pond prairie quarry reef ridge river shale shore slate spruce strait stream summit terrace tide trail tundra valley vessel willow".split(
    " ",
  );
