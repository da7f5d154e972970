import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Explanation } from "../../src/engine/explanation.ts";

/** A root with both images, and where what belongs to `three:1` lies. Index 0 is the lowest layer. */
export interface Site {
  readonly root: string;
  readonly driver: "overlay2" | "vfs";
  readonly explanation: Explanation;
  /** `<root>/image/<driver>`, or below it. */
  db(...names: string[]): string;
  record(index: number, ...names: string[]): string;
  /** The driver's directory of a layer: `overlay2/<id>` or `vfs/dir/<id>`. */
  layer(index: number, ...names: string[]): string;
  /** Where a layer's files lie. */
  files(index: number, ...names: string[]): string;
}

export type Says = Partial<Record<"explain" | "list" | "readFile" | "unpack" | "mount", RegExp>>;

export interface Damage {
  readonly what: string;
  /** Tried on roots of every driver and of dockerd, not only of layerfs with overlay2. */
  readonly widely?: true;
  readonly act: (site: Site) => void;
  /** How `images` lists the damaged image. */
  readonly listed: "by name" | "without a name" | "not at all";
  /** What each command that needs it says of the image; the others work. */
  readonly says?: Says;
  /** Whether loading the image again makes it whole. */
  readonly repaired: boolean;
}

const everything = (error: RegExp): Says => ({
  explain: error,
  list: error,
  readFile: error,
  unpack: error,
  mount: error,
});
const field = (name: string, text: string | null): Pick<Damage, "act"> => ({
  act: (site) => (text === null ? rmSync(site.record(1, name)) : writeFileSync(site.record(1, name), text)),
});

/** The image has three layers, with the files `a`, `b` and `c`. */
export const DAMAGES: readonly Damage[] = [
  {
    what: "all that is not needed for an image missing",
    widely: true,
    act: ({ root, db }) => {
      const needless = ["imagedb/metadata", "distribution", "layerdb/mounts", "layerdb/tmp"].map((name) => db(name));
      const dockerds = ["buildkit", "containers", "network", "plugins", "runtimes", "swarm", "tmp", "trust", "volumes"];
      for (const path of [...needless, ...dockerds.map((name) => join(root, name))])
        rmSync(path, { recursive: true, force: true });
    },
    listed: "by name",
    repaired: true,
  },
  {
    what: "repositories.json missing",
    act: ({ db }) => rmSync(db("repositories.json")),
    listed: "without a name",
    repaired: true,
  },
  {
    what: "what dockerd noted of a layer in a registry damaged",
    widely: true,
    act: ({ db, explanation }) => {
      const notes = db("distribution/v2metadata-by-diffid/sha256");
      mkdirSync(notes, { recursive: true });
      writeFileSync(join(notes, explanation.layers[1]?.diffID.slice(7) ?? ""), "[");
    },
    listed: "by name",
    says: { explain: /v2metadata-by-diffid\/sha256\/[0-9a-f]{64} is damaged/ },
    repaired: true,
  },
  {
    what: "image config changed by one byte",
    widely: true,
    act: ({ db, explanation }) => appendFileSync(db("imagedb/content/sha256", explanation.id.slice(7)), " "),
    listed: "not at all",
    says: everything(/^image sha256:.*: its config has the digest sha256:/),
    repaired: true,
  },
  ...["cache-id", "diff", "size"].map(
    (name): Damage => ({
      what: `${name} missing`,
      ...field(name, null),
      listed: "not at all",
      says: everything(new RegExp(`/${name} is damaged: it is missing`)),
      repaired: true,
    }),
  ),
  {
    what: "size with a newline",
    widely: true,
    ...field("size", "3\n"),
    listed: "not at all",
    says: everything(/\/size is damaged: it holds "3\\n"/),
    repaired: true,
  },
  {
    what: "size wrong",
    ...field("size", "0"),
    listed: "by name",
    says: { unpack: /^the recorded size is wrong: layer sha256:.*: 0 bytes, expected 3 or more$/ },
    repaired: true,
  },
  {
    what: "parent missing",
    widely: true,
    ...field("parent", null),
    listed: "not at all",
    says: everything(/\/parent is damaged: it is missing/),
    repaired: true,
  },
  {
    what: "diff wrong",
    ...field("diff", `sha256:${"0".repeat(64)}`),
    listed: "not at all",
    says: everything(/\/diff is damaged: sha256:0+ on sha256:.* expected sha256:/),
    repaired: true,
  },
  {
    what: "cache-id of no form that a layer's has",
    ...field("cache-id", ".."),
    listed: "not at all",
    says: everything(/\/cache-id is damaged/),
    repaired: true,
  },
  {
    what: "tar-split missing",
    widely: true,
    ...field("tar-split.json.gz", null),
    listed: "by name",
    says: readers(/\/tar-split\.json\.gz cannot be read/),
    repaired: true,
  },
  {
    what: "tar-split cut",
    act: ({ record }) => truncateSync(record(1, "tar-split.json.gz"), 60),
    listed: "by name",
    says: readers(/\/tar-split\.json\.gz is damaged: unexpected end of file/),
    repaired: false,
  },
  {
    what: "a layer's record missing",
    act: ({ record }) => rmSync(record(1), { recursive: true }),
    listed: "not at all",
    says: everything(/^image sha256:.*layerdb\/sha256\/[0-9a-f]{64} is missing$/),
    repaired: true,
  },
  {
    what: "a driver's id of another form",
    act: (site) => {
      const link = readFileSync(site.layer(1, "link"), "utf8");
      unlinkSync(join(site.root, "overlay2/l", link));
      symlinkSync("../my-layer.1/diff", join(site.root, "overlay2/l", link));
      renameSync(site.layer(1), join(site.root, "overlay2/my-layer.1"));
      writeFileSync(site.record(1, "cache-id"), "my-layer.1");
    },
    listed: "by name",
    repaired: true,
  },
  {
    what: "a short name of another length",
    act: ({ root, layer }) => {
      const link = readFileSync(layer(1, "link"), "utf8");
      renameSync(join(root, "overlay2/l", link), join(root, "overlay2/l/SHORT"));
      writeFileSync(layer(1, "link"), "SHORT");
      writeFileSync(layer(2, "lower"), readFileSync(layer(2, "lower"), "utf8").replace(link, "SHORT"));
    },
    listed: "by name",
    repaired: true,
  },
  {
    what: "overlay2/l missing",
    act: ({ root }) => rmSync(join(root, "overlay2/l"), { recursive: true }),
    listed: "by name",
    says: places(/overlay2\/l\/[A-Z0-9]+ is missing/, "mount"),
    repaired: true,
  },
  {
    what: "link missing",
    act: ({ layer }) => rmSync(layer(2, "link")),
    listed: "by name",
    says: { explain: /link is missing/ },
    repaired: true,
  },
  {
    what: "lower missing",
    act: ({ layer }) => rmSync(layer(1, "lower")),
    listed: "by name",
    says: places(/\/lower is missing/, "mount"),
    repaired: true,
  },
  {
    what: "committed missing",
    act: ({ layer }) => rmSync(layer(1, "committed")),
    listed: "by name",
    repaired: true,
  },
  {
    what: "work missing",
    act: ({ layer }) => rmSync(layer(1, "work"), { recursive: true }),
    listed: "by name",
    repaired: true,
  },
  {
    what: "the layer's directory missing",
    widely: true,
    act: ({ layer }) => rmSync(layer(1), { recursive: true }),
    listed: "by name",
    says: places(/the files of layer sha256:.* are missing/, "mount"),
    repaired: true,
  },
  {
    what: "a file's content changed",
    act: ({ files }) => writeFileSync(files(1, "b"), "TWO"),
    listed: "by name",
    says: { unpack: /\/?b\b.*(checksum|CRC)/i },
    repaired: false,
  },
  {
    what: "a file missing",
    widely: true,
    act: ({ files }) => rmSync(files(1, "b")),
    listed: "by name",
    says: { readFile: /file b of the layer is missing/, unpack: /file b of the layer is missing/ },
    repaired: false,
  },
  {
    what: "mode changed and a file added",
    act: ({ files }) => {
      chmodSync(files(1, "b"), 0o600);
      writeFileSync(files(1, "extra"), "");
    },
    listed: "by name",
    repaired: false,
  },
  {
    what: "a layer and a directory that nothing refers to",
    act: ({ db, layer }) => {
      mkdirSync(db("layerdb/sha256", "f".repeat(64)));
      mkdirSync(layer(1, "../", "f".repeat(64)));
    },
    listed: "by name",
    repaired: true,
  },
];

/** Of those that read the layers' files in their order. */
function readers(error: RegExp): Says {
  return { list: error, readFile: error, unpack: error };
}

/** Of those that look for the driver's directories. */
function places(error: RegExp, ...more: "mount"[]): Says {
  return { explain: error, unpack: error, readFile: error, ...Object.fromEntries(more.map((name) => [name, error])) };
}
