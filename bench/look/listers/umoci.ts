import { join } from "node:path";
import { umoci } from "../../programs/umoci.ts";
import { FIND_LISTING, parseFindListing } from "../find-listing.ts";
import { type Lister, script } from "../lister.ts";

/** Each run unpacks to a tree of its own. */
export const umociLister: Lister = {
  peer: umoci.name,
  form: "OCI layout",
  needs: [...umoci.needs, "bash", "find"],
  judgement: { types: null, added: null },
  version: umoci.version,
  start: async (store, image, { directory }) => {
    const layout = `${join(directory, "oci", image)}:latest`;
    const listing = 'umoci unpack --image "$1" "$2" >&2; cd "$2/rootfs"; shift 2; find . "$@"';
    return {
      daemon: null,
      command: (run) => script(listing, layout, join(store, `bundle-${run}`), ...FIND_LISTING),
      parse: (output) => parseFindListing(output.toString("latin1")),
      stop: async () => {},
    };
  },
};
