import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Explanation } from "../../src/engine/explain/explanation.ts";

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
  /** What `check` calls damaged; null for nothing. */
  readonly checked: RegExp | null;
  /** What `check` says that nothing refers to. */
  readonly unreferenced?: RegExp;
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
    checked: null,
    repaired: true,
  },
  {
    what: "repositories.json missing",
    act: ({ db }) => rmSync(db("repositories.json")),
    listed: "without a name",
    checked: null,
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
    checked: /three:1: layer \w+: .*v2metadata-by-diffid\/sha256\/[0-9a-f]{64} is damaged/,
    repaired: true,
  },
  {
    what: "image config changed by one byte",
    widely: true,
    act: ({ db, explanation }) => appendFileSync(db("imagedb/content/sha256", explanation.id.slice(7)), " "),
    listed: "not at all",
    says: everything(/^image sha256:.*: its config has the digest sha256:/),
    checked: /three:1: image sha256:.*: its config has the digest sha256:/,
    repaired: true,
  },
  ...["cache-id", "diff", "size"].map(
    (name): Damage => ({
      what: `${name} missing`,
      ...field(name, null),
      listed: "not at all",
      says: everything(new RegExp(`/${name} is damaged: it is missing`)),
      checked: new RegExp(`three:1: .*/${name} is damaged: it is missing`),
      repaired: true,
    }),
  ),
  {
    what: "size with a newline",
    widely: true,
    ...field("size", "3\n"),
    listed: "not at all",
    says: everything(/\/size is damaged: it holds "3\\n"/),
    checked: /three:1: .*\/size is damaged: it holds "3/,
    repaired: true,
  },
  {
    what: "size wrong",
    ...field("size", "0"),
    listed: "by name",
    says: { unpack: /^the recorded size is wrong: layer sha256:.*: 0 bytes, expected 3 or more$/ },
    checked: /three:1: layer \w+: .*\/size: size is 0 bytes, expected 3 bytes/,
    repaired: true,
  },
  {
    what: "parent missing",
    widely: true,
    ...field("parent", null),
    listed: "not at all",
    says: everything(/\/parent is damaged: it is missing/),
    checked: /three:1: .*\/parent is damaged: it is missing/,
    repaired: true,
  },
  {
    what: "diff wrong",
    ...field("diff", `sha256:${"0".repeat(64)}`),
    listed: "not at all",
    says: everything(/\/diff is damaged: sha256:0+ on sha256:.* expected sha256:/),
    checked: /three:1: .*\/diff is damaged: sha256:0+ on sha256:.* expected sha256:/,
    repaired: true,
  },
  {
    what: "cache-id of no form that a layer's has",
    ...field("cache-id", ".."),
    listed: "not at all",
    says: everything(/\/cache-id is damaged/),
    checked: /three:1: .*\/cache-id is damaged/,
    repaired: true,
  },
  {
    what: "tar-split missing",
    widely: true,
    ...field("tar-split.json.gz", null),
    listed: "by name",
    says: readers(/\/tar-split\.json\.gz cannot be read/),
    checked: /three:1: layer \w+: .*\/tar-split\.json\.gz cannot be read/,
    repaired: true,
  },
  {
    what: "tar-split cut",
    act: ({ record }) => truncateSync(record(1, "tar-split.json.gz"), 60),
    listed: "by name",
    says: readers(/\/tar-split\.json\.gz is damaged: unexpected end of file/),
    checked: /three:1: layer \w+: .*\/tar-split\.json\.gz is damaged: unexpected end of file/,
    repaired: false,
  },
  {
    what: "a layer's record missing",
    act: ({ record }) => rmSync(record(1), { recursive: true }),
    listed: "not at all",
    says: everything(/^image sha256:.*layerdb\/sha256\/[0-9a-f]{64} is missing$/),
    checked: /three:1: layer record .*layerdb\/sha256\/[0-9a-f]{64} is missing/,
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
    checked: null,
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
    checked: null,
    repaired: true,
  },
  {
    what: "overlay2/l missing",
    act: ({ root }) => rmSync(join(root, "overlay2/l"), { recursive: true }),
    listed: "by name",
    says: places(/overlay2\/l\/[A-Z0-9]+ is missing/, "mount"),
    checked: /three:1.*: layer \w+: .*overlay2\/l\/[A-Z0-9]+ is missing/,
    repaired: true,
  },
  {
    what: "link missing",
    act: ({ layer }) => rmSync(layer(2, "link")),
    listed: "by name",
    says: { explain: /link is missing/ },
    checked: /three:1: layer \w+: .*\/link is missing/,
    repaired: true,
  },
  {
    what: "lower missing",
    act: ({ layer }) => rmSync(layer(1, "lower")),
    listed: "by name",
    says: places(/\/lower is missing/, "mount"),
    checked: /three:1: layer \w+: .*\/lower is missing/,
    repaired: true,
  },
  {
    what: "committed missing",
    act: ({ layer }) => rmSync(layer(1, "committed")),
    listed: "by name",
    checked: null,
    repaired: true,
  },
  {
    what: "work missing",
    act: ({ layer }) => rmSync(layer(1, "work"), { recursive: true }),
    listed: "by name",
    checked: null,
    repaired: true,
  },
  {
    what: "the layer's directory missing",
    widely: true,
    act: ({ layer }) => rmSync(layer(1), { recursive: true }),
    listed: "by name",
    says: places(/the files of layer sha256:.* are missing/, "mount"),
    checked: /three:1: layer \w+: the files of layer sha256:.* are missing/,
    repaired: true,
  },
  {
    what: "a file's content changed",
    act: ({ files }) => writeFileSync(files(1, "b"), "TWO"),
    listed: "by name",
    says: { unpack: /\/?b\b.*(checksum|CRC)/i },
    checked: /three:1: layer \w+: \/b: content is CRC-64 [0-9a-f]{16}, expected CRC-64 [0-9a-f]{16}/,
    repaired: false,
  },
  {
    what: "a file missing",
    widely: true,
    act: ({ files }) => rmSync(files(1, "b")),
    listed: "by name",
    says: { readFile: /file b of the layer is missing/, unpack: /file b of the layer is missing/ },
    checked: /three:1: layer \w+: \/b: missing is nothing, expected file/,
    repaired: false,
  },
  ...differing("mode changed", ({ files }) => chmodSync(files(1, "b"), 0o600), /\/b: mode is 0600, expected 0644/),
  ...differing("mtime changed", ({ files }) => utimesSync(files(1, "b"), 1, 1), /\/b: mtime is 1\.0+, expected /),
  ...differing("owner changed", ({ files }) => chownSync(files(1, "b"), 7, 8), /\/b: owner is 7:8, expected 0:0/),
  ...differing(
    "type changed",
    ({ files }) => {
      rmSync(files(1, "b"));
      mkdirSync(files(1, "b"));
    },
    /\/b: type is directory, expected file/,
    { readFile: /file b of the layer is a directory/, unpack: /file b of the layer is a directory/ },
  ),
  ...differing("a file added", ({ files }) => writeFileSync(files(1, "extra"), ""), /\/extra: added is file/),
  ...differing(
    "a hard link added",
    ({ files }) => linkSync(files(1, "b"), files(1, "extra")),
    /\/extra: added is file, expected nothing/,
  ),
  {
    what: "size too large",
    ...field("size", "4"),
    listed: "by name",
    checked: /three:1: layer \w+: .*\/size: size is 4 bytes, expected 3 bytes/,
    repaired: true,
  },
  {
    what: "a lower layer left out of `lower`",
    act: ({ layer }) => {
      const [first = ""] = readFileSync(layer(2, "lower"), "utf8").split(":");
      writeFileSync(layer(2, "lower"), first);
    },
    listed: "by name",
    checked: /three:1: layer \w+: .*: layer below it, number 2 from the top is none, expected \//,
    repaired: false,
  },
  {
    what: "a tar-split of another layer",
    act: ({ record }) => copyFileSync(record(0, "tar-split.json.gz"), record(1, "tar-split.json.gz")),
    listed: "by name",
    says: { readFile: /./, unpack: /./ },
    checked: /three:1: layer \w+: \/a: missing is nothing, expected file/,
    repaired: false,
  },
  {
    what: "a name of no image",
    act: ({ db }) => {
      const { Repositories } = JSON.parse(readFileSync(db("repositories.json"), "utf8"));
      Repositories.gone = { "gone:1": `sha256:${"0".repeat(64)}` };
      writeFileSync(db("repositories.json"), JSON.stringify({ Repositories }));
    },
    listed: "by name",
    checked: /gone:1: .*repositories\.json: name gone:1 is no such image, expected image sha256:0+/,
    repaired: true,
  },
  {
    what: "layerdb/mounts of a container missing",
    act: ({ root, driver }) => {
      const container = join(root, "containers", "c".repeat(64));
      mkdirSync(container, { recursive: true });
      writeFileSync(join(container, "config.v2.json"), JSON.stringify({ Name: "/box", Driver: driver }));
    },
    listed: "by name",
    checked: /container c{64}: the record of its layers, .*layerdb\/mounts\/c{64}, is missing/,
    repaired: true,
  },
  {
    what: "the directories of a container missing",
    act: ({ root, db, explanation }) => {
      mkdirSync(join(root, "containers", "c".repeat(64)), { recursive: true });
      mkdirSync(db("layerdb/mounts", "c".repeat(64)), { recursive: true });
      writeFileSync(db("layerdb/mounts", "c".repeat(64), "mount-id"), "d".repeat(64));
      writeFileSync(db("layerdb/mounts", "c".repeat(64), "init-id"), `${"d".repeat(64)}-init`);
      writeFileSync(db("layerdb/mounts", "c".repeat(64), "parent"), explanation.layers[2]?.chainID ?? "");
    },
    listed: "by name",
    checked: /container c{64}: its files are missing: overlay2 has no layer d{64}/,
    repaired: true,
  },
  {
    what: "a layer and a directory that nothing refers to",
    act: ({ db, layer }) => {
      mkdirSync(db("layerdb/sha256", "f".repeat(64)));
      mkdirSync(layer(1, "../", "f".repeat(64)));
    },
    listed: "by name",
    checked: null,
    unreferenced:
      /unreferenced: .*\/f{64}: record of a layer that no image has\n(.|\n)*unreferenced: .*\/f{64}: directory that no record names/,
    repaired: true,
  },
];

/** A file that is not as its header says, which only `check` sees unless `says` tells. */
function differing(what: string, act: Damage["act"], checked: RegExp, says: Says = {}): Damage[] {
  const whole = new RegExp(`three:1: layer \\w+: ${checked.source}`);
  return [{ what, widely: true, act, listed: "by name", says, checked: whole, repaired: false }];
}

/** Of those that read the layers' files in their order. */
function readers(error: RegExp): Says {
  return { list: error, readFile: error, unpack: error };
}

/** Of those that look for the driver's directories. */
function places(error: RegExp, ...more: "mount"[]): Says {
  return { explain: error, unpack: error, readFile: error, ...Object.fromEntries(more.map((name) => [name, error])) };
}
