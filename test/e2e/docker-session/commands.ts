import * as images from "./images.ts";

/** A command line that is given to docker and to layerfs. */
export interface SessionCommand {
  readonly argv: readonly string[];
  /** What layerfs is given where it spells it otherwise. */
  readonly layerfs?: readonly string[];
  /** Why layerfs does not do the same, or say it in the same words. Without it status and words are equal. */
  readonly differs?: Difference;
}

interface Difference {
  readonly reason: string;
  /** What differs; a status that is not told must be equal. */
  readonly words?: true;
  readonly status?: readonly [docker: readonly number[], layerfs: number];
}

/** docker ends with 1 or 125, depending on who finds the mistake. */
const usage: Difference = {
  reason: "a command line that cannot be right ends with status 2 everywhere in layerfs, so that a script can tell",
  words: true,
  status: [[1, 125], 2],
};
const grammar: Difference = {
  reason: "the message quotes the name, and says what is expected in its place",
  words: true,
};

const short = (id: string): string => id.slice("sha256:".length, "sha256:".length + 12);
const [one, two, running, parent] = [images.one, images.two, images.running, images.parent].map((image) =>
  short(images.idOf(image)),
) as [string, string, string, string];

function command(line: string, more: Omit<SessionCommand, "argv"> = {}): SessionCommand {
  return { argv: line.split(" "), ...more };
}

/** On two stores that were filled apart; `FILE` names are those of the archives. */
export const firstPart: readonly SessionCommand[] = [
  command("load -i tagged.tar"),
  command("load -i nameless.tar"),
  command("load -i nosuch.tar", { differs: { reason: "layerfs names the file and the failed call", words: true } }),
  command("load -i damaged.tar", { differs: { reason: "layerfs says what is wrong with the archive", words: true } }),
  command("images"),
  command("images -a"),
  command("images -q"),
  command("images --no-trunc"),
  command("images -q --no-trunc"),
  command("images --digests"),
  command("images --digests pulled"),
  command("images lab/one"),
  command("images lab/one:1"),
  command("images lab"),
  command("images nosuch"),
  command("images l*/o?e"),
  command("images -f dangling=true"),
  command("images -f dangling=false"),
  command("images -f dangling=maybe", { differs: usage }),
  command("images -f label=role"),
  command("images -f label=role=web -f label=tier=1"),
  command("images -f label=role=nosuch"),
  command("images -f before=two:1"),
  command("images -f since=lab/one:1"),
  command("images -f since=nosuch"),
  command("images -f reference=lab/* -f reference=two"),
  command("images -f reference=[", { differs: grammar }),
  command("images -f until=24h lab/one", {
    differs: { reason: "Docker knows this filter of images since version 23", words: true, status: [[0, 1], 0] },
  }),
  command("images -f foo=bar", { differs: usage }),
  command("images -f foo", { differs: usage }),
  command("images one two", { differs: usage }),
  {
    argv: ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Digest}} {{.Size}} {{.CreatedSince}}", "pulled"],
  },
  { argv: ["images", "--format", "{{.CreatedAt}}", "lab/one"] },
  { argv: ["images", "--format", "{{.Nope}}"], differs: usage },
  { argv: ["inspect", "-f", "{{.Id}} {{.Os}} {{.Architecture}} {{.Size}} {{.VirtualSize}}", "lab/one:1", "two:1"] },
  {
    argv: ["inspect", "-f", "{{.Created}} {{.Author}} {{.Comment}} {{.Container}} {{.DockerVersion}}", "other"],
  },
  { argv: ["inspect", "-f", "{{json .Config.Labels}} {{json .Config.Env}} {{json .Config.Cmd}}", "lab/one:1"] },
  { argv: ["inspect", "-f", "{{json .Config.ExposedPorts}} {{.Config.WorkingDir}}", "lab/one:1"] },
  { argv: ["inspect", "-f", "{{json .ContainerConfig}}", "lab/one:1"] },
  { argv: ["inspect", "-f", "{{json .RootFS}} {{.GraphDriver.Name}}", "lab/one:1", "empty:1"] },
  { argv: ["inspect", "-f", "{{json .RepoTags}} {{json .RepoDigests}}", "pulled:1"] },
  { argv: ["inspect", "-f", "{{json .Metadata}}", "two:1"] },
  { argv: ["inspect", "-f", "{{.Config.Labels.role}}", short(images.idOf(images.one))] },
  {
    argv: ["inspect", "-f", "{{.RepoTags}}", "two:1"],
    differs: { reason: "layerfs writes lists in templates as JSON, which can be read again", words: true },
  },
  { argv: ["inspect", "-f", "{{.Nope}}", "two:1"], differs: usage },
  command("inspect nosuch"),
  { argv: ["inspect", "-f", "{{.Id}}", "nosuch", "two:1", "other:nosuch"] },
  command("history lab/one:1"),
  command("history -q lab/one:1"),
  command("history --no-trunc lab/one:1"),
  command("history --human=false lab/one:1", { layerfs: ["history", "--no-human", "lab/one:1"] }),
  { argv: ["history", "--format", "{{.ID}} {{.Size}} {{.CreatedBy}} {{.Comment}}", "lab/one"] },
  { argv: ["history", "--format", "{{.ID}} {{.Size}} {{.CreatedBy}} {{.Comment}}", "lab/one:1"] },
  command("history empty:1"),
  command("history nosuch"),
  command("tag two:1 alias:1"),
  command("tag two alias"),
  command("tag nosuch a:1"),
  command("tag two:1 UPPER", { differs: grammar }),
  command(`tag two:1 a@${images.manifests.pulled}`),
  command(`tag two:1 ${"a".repeat(64)}`, { differs: grammar }),
  { argv: ["tag", "two:1", "x:bad tag"], differs: grammar },
  { argv: ["tag", "two:1", ""], differs: grammar },
  command("tag two:1 sha256:1"),
  command("tag two:1", { differs: usage }),
  command("tag two:1 lab/one:2"),
  command(`tag ${two} by-id:1`),
  command("images"),
  command("load -i new-two.tar"),
  command("images -f dangling=true"),
  command("rmi", { differs: usage }),
  { argv: ["rmi", ""], differs: { reason: "docker asks the daemon for a page without a name", words: true } },
  { argv: ["rmi", " "] },
  command("rmi nosuch"),
  command("rmi -f nosuch"),
  command("rmi Bad", { differs: grammar }),
  command(`rmi ${one}`),
  command("rmi lab/one:1"),
  command("rmi other:latest"),
  command("rmi pulled:1"),
  command("rmi pulled:2"),
  command("images --digests"),
  command("rmi mirror.example/p:1"),
  command(`rmi digest-only@${images.manifests.byDigest}`),
  command("rmi nosuch alias:1"),
  command("rmi -f nosuch by-id:1"),
  command(`rmi ${short(images.idOf(images.nameless))}`),
  { argv: ["info", "--format", "{{.Driver}} {{.Images}} {{.Containers}}"] },
];

/**
 * On two copies of one store in which docker committed `child:1` on a container of `parent:1`, `grandchild:1` on one of
 * `child:1`, and left a container of `parent:1` that never ran and one of `run:1` that runs.
 */
export const secondPart: readonly SessionCommand[] = [
  command("images"),
  command("inspect parent:1"),
  command("inspect grandchild:1"),
  command("history grandchild:1"),
  command("rmi parent:1"),
  command(`rmi ${parent}`),
  command(`rmi -f ${parent}`),
  command("rmi run:1"),
  command(`rmi ${running}`),
  command(`rmi -f ${running}`),
  command("rmi -f run:1"),
  command("rmi -f parent:1"),
  command("images"),
  command("images -a"),
  command("images -f dangling=true"),
  command("history grandchild:1"),
  command("rmi child:1"),
  command("rmi --no-prune grandchild:1"),
  command("images -a"),
  command("rmi ID-OF-CHILD"),
  command("images -a"),
  command(`rmi ${parent}`),
  command(`rmi -f ${parent}`),
  command("images -a -q"),
  { argv: ["info", "--format", "{{.Images}} {{.Containers}} {{.ContainersRunning}} {{.DockerRootDir}}"] },
  {
    argv: ["info", "--format", "{{json .DriverStatus}}"],
    differs: { reason: "layerfs also tells of metacopy, as Docker does since version 23", words: true },
  },
];
