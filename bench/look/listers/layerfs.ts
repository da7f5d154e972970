import { join } from "node:path";
import type { TreeRowType } from "../../../test/support/dump-tree.ts";
import { command } from "../../file-system.ts";
import { type Images, loadImage } from "../../program.ts";
import { layerfs } from "../../programs/layerfs.ts";
import { OURS } from "../../results.ts";
import { forgetImages } from "../cache.ts";
import type { Lister } from "../lister.ts";
import type { LayerNode } from "../middle-file.ts";
import type { ListedForm } from "../results.ts";

/** Each run begins with nothing in the cache but compiled code. `words` start the command that users install. */
export function layerfsLister(words: readonly string[], form: Exclude<ListedForm, "OCI archive">): Lister {
  const program = layerfs(words);
  return {
    peer: OURS,
    form,
    needs: [],
    judgement: { types: null, added: null },
    version: program.version,
    start: async (store, image, images) => {
      const running = await program.start(store, images);
      const cache = join(store, "cache");
      if (form === "store") loadImage(running, image);
      const listing = [...running.words, "ls", "-R", "--format", "json", sourceOf(image, form, images)];
      command("env", `XDG_CACHE_HOME=${cache}`, ...listing);
      return {
        daemon: null,
        env: { XDG_CACHE_HOME: cache },
        prepare: () => forgetImages(cache),
        command: () => listing,
        parse: (output) => parseLayerfsListing(output.toString()),
        stop: running.stop,
      };
    },
  };
}

/** The name by which layerfs knows the image. */
export function sourceOf(image: string, form: Exclude<ListedForm, "OCI archive">, { directory }: Images): string {
  switch (form) {
    case "docker-archive":
      return `docker-archive:${join(directory, "docker", `${image}.tar`)}`;
    case "OCI layout":
      return `oci:${join(directory, "oci", image)}:latest`;
    case "store":
      return `lab/${image}:1`;
  }
}

type Text = string | { readonly base64: string };

interface JSONNode {
  readonly path: Text;
  readonly kind: TreeRowType;
  readonly mode: number;
  readonly size: number;
  readonly linkTarget: Text | null;
  readonly layer: number;
}

/** What `ls -R --format json` printed. */
export function parseLayerfsListing(output: string): LayerNode[] {
  const nodes: JSONNode[] = JSON.parse(output);
  return nodes.map(({ path, kind, mode, size, linkTarget, layer }) => ({
    path: latin1(path).slice(1),
    type: kind,
    mode,
    size,
    target: linkTarget === null ? null : latin1(linkTarget),
    layer,
  }));
}

function latin1(text: Text): string {
  return (typeof text === "string" ? Buffer.from(text) : Buffer.from(text.base64, "base64")).toString("latin1");
}
