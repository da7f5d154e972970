/** What the tour does, as commands of a user. */
export interface TourStep {
  /** What the command is for, one sentence. */
  readonly title: string;
  /** `layerfs` stands for the launcher; any other first word is a program of the system. */
  readonly words: readonly string[];
  /** Text that the output must have. */
  readonly expected: string;
}

export interface TourOptions {
  /** An empty directory, where the tour keeps its data root and its mount. */
  readonly directory: string;
  /** The sample image's archive. */
  readonly sample: string;
  /** Null where the system allows mounts, else why not: then the tree is read from the layers. */
  readonly noMounts: string | null;
  readonly isRoot: boolean;
  /** The image's programs can run: they are for x86-64. */
  readonly runsPrograms: boolean;
}

const image = "layerfs/sample:1";
const motd = "This is the top layer; it hides the file of the lowest one.";

export function tourSteps(options: TourOptions): TourStep[] {
  const layerfs = (...words: string[]): string[] => ["layerfs", "--root", `${options.directory}/root`, ...words];
  const middle = options.noMounts === null ? mountSteps(options, layerfs) : readSteps(options.noMounts, layerfs);
  const driver = options.isRoot ? [] : ["--driver", "vfs", "--storage-opt", "vfs.ignore_chown_errors=true"];
  return [
    {
      title: options.isRoot
        ? "Load an image that docker save could have written."
        : "Load an image; without root its files all belong to you, which the driver vfs has to be told.",
      words: layerfs(...driver, "load", "-i", options.sample),
      expected: image,
    },
    { title: "It is in the store now.", words: layerfs("images"), expected: "layerfs/sample" },
    {
      title: "How its layers become one tree: digests, chain IDs, directories, one mount.",
      words: layerfs("explain", image),
      expected: "sha256:",
    },
    ...middle,
    { title: "Remove the image; its layers go with it.", words: layerfs("rmi", image), expected: `Untagged: ${image}` },
  ];
}

function mountSteps(options: TourOptions, layerfs: (...words: string[]) => string[]): TourStep[] {
  const target = `${options.directory}/merged`;
  const run = {
    title: "Its programs run in it; this one lies in the lowest layer.",
    words: ["chroot", target, "/usr/bin/hello"],
    expected: "Hello from the lowest layer.",
  };
  return [
    { title: "Make a directory for the tree.", words: ["mkdir", target], expected: "" },
    { title: "Mount the image there.", words: layerfs("mount", image, target), expected: "" },
    {
      title: "Read a file that two layers have: the upper one wins.",
      words: ["cat", `${target}/etc/motd`],
      expected: motd,
    },
    {
      title: "Three layers made this directory; draft.txt was removed by the last one.",
      words: ["ls", `${target}/usr/share/doc/sample`],
      expected: "draft-copy.txt",
    },
    ...(options.runsPrograms ? [run] : []),
    { title: "Unmount it.", words: layerfs("umount", target), expected: "" },
  ];
}

function readSteps(noMounts: string, layerfs: (...words: string[]) => string[]): TourStep[] {
  return [
    {
      title: `Nothing is mounted, because ${noMounts}; read the merged tree from the layers instead.`,
      words: layerfs("ls", image, "/usr/share/doc/sample"),
      expected: "draft-copy.txt",
    },
    {
      title: "Read a file that two layers have: the upper one wins.",
      words: layerfs("cat", image, "/etc/motd"),
      expected: motd,
    },
  ];
}
