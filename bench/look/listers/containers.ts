import { type Program, startLoaded } from "../../program.ts";
import { docker } from "../../programs/docker.ts";
import { podman } from "../../programs/podman.ts";
import { type Lister, script } from "../lister.ts";
import { parseTarListing, TAR_ENVIRONMENT, TAR_LISTING } from "../tar-listing.ts";

/** What they put into each container. */
const ADDED = /^(\.dockerenv|proc|sys|dev(\/.*)?|etc\/(hostname|hosts|resolv\.conf|mtab)|run\/\.containerenv)$/;

/** Of an image and the words that start the program: a container that never runs, and what tar lists of its export. */
const LISTING = `
image=$1
shift
container=$("$@" create "$image" sh)
"$@" export "$container" | tar ${TAR_LISTING.join(" ")}
`;

/** With the image in their store. */
export const containerListers: readonly Lister[] = [docker, podman].map(
  (program: Program): Lister => ({
    peer: program.name,
    form: "store",
    needs: [...program.needs, "bash", "tar"],
    judgement: { types: null, added: ADDED },
    version: program.version,
    start: async (store, image, images) => {
      const running = await startLoaded(program, store, image, images);
      return {
        daemon: running.daemon,
        env: TAR_ENVIRONMENT,
        command: () => script(LISTING, `lab/${image}:1`, ...running.words),
        parse: (output) => parseTarListing(output.toString("latin1")),
        stop: running.stop,
      };
    },
  }),
);
