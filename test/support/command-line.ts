import { Readable, Writable } from "node:stream";
import type { Context, OutputStream } from "../../src/cli/context.ts";
import { run } from "../../src/cli/program.ts";
import type { Digest } from "../../src/core/digest.ts";
import { digestOf } from "../../src/core/digest.ts";
import type { Engine, EngineOptions, TreeNode } from "../../src/engine/engine.ts";
import type { DirectoryExplanation, Explanation } from "../../src/engine/explain/explanation.ts";
import type { ImageInspection } from "../../src/engine/images/inspect-image.ts";
import type { ImageComparison } from "../../src/engine/look/compare-images.ts";
import type { ChangedNode } from "../../src/engine/look/list-changes.ts";
import type { NodeDetails } from "../../src/engine/look/stat-node.ts";
import type { Waste } from "../../src/engine/look/waste.ts";
import { CONTAINER_ID, fakeContainers } from "./fake-containers.ts";

/** Milliseconds since 1970 of every run: 2026-01-15. */
export const NOW: number = Date.parse("2026-01-15T00:00:00Z");

export const IMAGE_ID: Digest = digestOf("image");
export const OTHER_ID: Digest = digestOf("other image");

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
  /** Calls of the engine in order: the method's name and its arguments. */
  readonly calls: readonly (readonly [string, ...unknown[]])[];
  /** The options of each engine that was opened. */
  readonly opened: readonly EngineOptions[];
}

export interface RunOptions {
  /** Methods in place of the fake engine's own. */
  readonly engine?: Partial<Engine>;
  readonly openEngine?: Context["openEngine"];
  readonly stdin?: Context["stdin"];
  readonly stdout?: OutputStream;
  /** Names of the streams that are terminals. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs one command line in this process against a fake engine. */
export async function runCommand(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const terminals = options.terminals ?? [];
  const stdout = capture(terminals.includes("stdout"));
  const stderr = capture(terminals.includes("stderr"));
  const calls: [string, ...unknown[]][] = [];
  const opened: EngineOptions[] = [];
  const status = await run(argv, {
    openEngine: async (engineOptions) => {
      opened.push(engineOptions);
      return options.openEngine?.(engineOptions) ?? recording({ ...fakeEngine(), ...options.engine }, calls);
    },
    stdin: options.stdin ?? Object.assign(Readable.from([]), { isTTY: terminals.includes("stdin") }),
    stdout: options.stdout ?? stdout.stream,
    stderr: stderr.stream,
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    now: () => NOW,
  });
  const stdoutBytes = stdout.bytes();
  return { status, stdout: stdoutBytes.toString(), stderr: stderr.bytes().toString(), stdoutBytes, calls, opened };
}

export function treeNode(node: Partial<Omit<TreeNode, "name">> & { readonly name: string | Buffer }): TreeNode {
  const name = Buffer.from(node.name);
  const path = Buffer.concat([Buffer.from("/"), name]);
  const plain = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 }, layer: 0 } as const;
  return { kind: "file", path, linkTarget: null, device: null, ...plain, ...node, name };
}

export const EXPLANATION: Explanation = {
  source: null,
  id: IMAGE_ID,
  names: ["nginx:latest"],
  manifests: [`nginx@${digestOf("manifest")}`],
  created: "2026-01-01T00:00:00Z",
  platform: "linux/amd64",
  driver: "overlay2",
  layers: ["lowest", "topmost"].map((name, index) => ({
    diffID: digestOf(`diff ${name}`),
    chainID: digestOf(`chain ${name}`),
    parent: index === 0 ? null : digestOf("chain lowest"),
    cacheID: name,
    size: 1_240_000,
    storedSize: null,
    directory: `/root/overlay2/${name}/diff`,
    link: `l/${name.toUpperCase()}`,
    createdBy: `/bin/sh -c #(nop)  COPY ${name} / # buildkit`,
    sharedWith: index === 0 ? ["redis:7"] : [],
    blobs: index === 0 ? [{ digest: digestOf("blob"), repository: "docker.io/library/nginx" }] : [],
  })),
  mountCommand: "mount -t overlay overlay -o lowerdir=/root/overlay2/topmost/diff:/root/overlay2/lowest/diff TARGET",
  shortMountCommand: "cd /root/overlay2 && mount -t overlay overlay -o lowerdir=l/TOPMOST:l/LOWEST TARGET",
  problems: [],
  path: null,
};

export const DIRECTORY_EXPLANATION: DirectoryExplanation = {
  driver: "overlay2",
  cacheID: "lowest",
  role: "layer",
  directory: "/root/overlay2/lowest/diff",
  link: "l/LOWEST",
  layer: { chainID: digestOf("chain lowest"), diffID: digestOf("diff lowest"), size: 1_240_000 },
  images: [{ id: IMAGE_ID, names: ["nginx:latest"], index: 0, count: 2, createdBy: "COPY lowest / # buildkit" }],
  containers: [],
  owner: null,
  path: null,
};

export const INSPECTION: ImageInspection = {
  Id: IMAGE_ID,
  RepoTags: ["nginx:latest"],
  RepoDigests: [],
  Parent: "",
  Comment: "",
  Created: "2026-01-01T00:00:00Z",
  Container: "",
  ContainerConfig: { Env: null },
  DockerVersion: "",
  Author: "",
  Config: { Env: ["A=1"], Labels: { role: "web" } },
  Architecture: "amd64",
  Os: "linux",
  Size: 141_499_000,
  VirtualSize: 141_499_000,
  GraphDriver: { Data: null, Name: "overlay2" },
  RootFS: { Type: "layers", Layers: [digestOf("diff lowest")] },
  Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
};

const CHANGED_NODES: readonly ChangedNode[] = [
  { ...treeNode({ name: "", kind: "directory", mode: 0o755 }), change: null, changedBy: null, depth: 0, total: 72 },
  { ...treeNode({ name: "etc", kind: "directory", layer: 1 }), change: "changed", changedBy: 1, depth: 1, total: 60 },
  { ...inEtc("gone"), change: "deleted", changedBy: 1, depth: 2, total: 0 },
  { ...inEtc("new\n"), size: 60, layer: 1, change: "added", changedBy: 1, depth: 2, total: 60 },
  { ...treeNode({ name: "init", size: 12 }), change: null, changedBy: null, depth: 1, total: 12 },
];

function inEtc(name: string): TreeNode {
  return { ...treeNode({ name }), path: Buffer.from(`/etc/${name}`) };
}

export const NODE_DETAILS: NodeDetails = {
  ...treeNode({ name: "motd", size: 60, layer: 1 }),
  nlink: 1,
  xattrs: [{ name: "user.note", value: Buffer.from([0, 0xff]) }],
  diffID: digestOf("diff topmost"),
  createdBy: "COPY topmost / # buildkit",
  hides: [
    {
      layer: 0,
      diffID: digestOf("diff lowest"),
      createdBy: null,
      kind: "file",
      mode: 0o600,
      size: 30,
      mtime: { seconds: 0, nanoseconds: 0 },
    },
  ],
};

const MOTD = { kind: "file", mode: 0o644, uid: 0, gid: 0, size: 30, linkTarget: null, device: null, layer: 0 } as const;

export const COMPARISON: ImageComparison = {
  before: { image: "nginx:1", id: IMAGE_ID, layers: [{ diffID: digestOf("diff lowest"), createdBy: null }], size: 90 },
  after: {
    image: "nginx:2",
    id: OTHER_ID,
    layers: ["lowest", "topmost"].map((name) => ({ diffID: digestOf(`diff ${name}`), createdBy: `COPY ${name} /` })),
    size: 100,
  },
  sharedLayers: 1,
  files: [
    { kind: "removed", path: Buffer.from("/a\xff", "latin1"), fields: [], before: MOTD, after: null },
    {
      kind: "changed",
      path: Buffer.from("/motd"),
      fields: ["content", "mode"],
      before: MOTD,
      after: { ...MOTD, mode: 0o600, size: 40, layer: 1 },
    },
    { kind: "added", path: Buffer.from("/new"), fields: [], before: null, after: { ...MOTD, layer: 1 } },
  ],
  packages: [
    { manager: "dpkg", name: "libc6", architecture: "amd64", path: null, before: "2.36-9", after: "2.36-10" },
    { manager: "npm", name: "semver", architecture: null, path: Buffer.from("/a"), before: null, after: "7.6.0" },
  ],
  config: [{ field: "Env.PATH", before: "/bin", after: "/usr/bin" }],
  history: { same: 1, before: [], after: [{ createdBy: "COPY topmost /", emptyLayer: false }] },
};

export const WASTE: Waste = {
  efficiency: 0.75,
  sizeBytes: 4000,
  userSizeBytes: 2000,
  wastedBytes: 1000,
  wastedUserPercent: 0.5,
  inefficient: [{ path: Buffer.from("/etc/motd"), count: 2, bytes: 1000 }],
  hiddenBytes: 500,
  hidden: [{ path: Buffer.from("/etc/mo\ntd"), bytes: 500, layer: 0, by: 1, how: "replaced" }],
  layers: [
    { diffID: digestOf("diff lowest"), createdBy: "COPY lowest /", bytes: 2000, hiddenBytes: 500, hidesBytes: 0 },
    { diffID: digestOf("diff topmost"), createdBy: null, bytes: 2000, hiddenBytes: 0, hidesBytes: 500 },
  ],
  duplicates: [
    {
      bytes: 20,
      wastedBytes: 20,
      files: [
        { path: Buffer.from("/a"), layer: 0 },
        { path: Buffer.from("/b"), layer: 1 },
      ],
    },
  ],
};

/** What a call that gives its result piece by piece gives. */
export async function* inOnePiece<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items;
}

const NODES = [treeNode({ name: "bin", kind: "directory", mode: 0o755 }), treeNode({ name: "init", size: 12 })];

/** An engine that answers every call with something plausible. */
function fakeEngine(): Engine {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from("con");
    yield Buffer.from("tent\n");
  };
  return {
    root: "/root",
    save: async () => [{ id: IMAGE_ID, digest: OTHER_ID, names: ["nginx:latest"] }],
    copy: async () => [{ digest: OTHER_ID, names: [] }],
    load: async () => [{ id: IMAGE_ID, names: ["nginx:latest"], renamed: [] }],
    import: async (_input, { reference } = {}) => ({ id: IMAGE_ID, name: reference ?? null }),
    push: async () => ({ repository: "docker.io/library/nginx", tags: [] }),
    pull: async (reference) => ({ name: reference, reference: `docker.io/library/${reference}`, images: [] }),
    login: async ({ server = "docker.io", credentials }) => ({
      registry: server,
      username: "me",
      place: credentials === undefined ? null : { file: "/home/me/.docker/config.json" },
    }),
    logout: async (server = "docker.io") => ({ registry: server, removed: true }),
    images: async () => [
      {
        id: IMAGE_ID,
        repository: "nginx",
        tag: "latest",
        digest: null,
        created: "2026-01-01T00:00:00Z",
        size: 141_499_000,
      },
      { id: OTHER_ID, repository: null, tag: null, digest: null, created: null, size: 999 },
    ],
    inspect: async () => INSPECTION,
    history: async () => [
      {
        id: IMAGE_ID,
        created: "2026-01-01T00:00:00Z",
        createdBy: "COPY\tapp /opt/a/path/that/is/longer/than/the/column # buildkit",
        size: 141_499_000,
        comment: "buildkit.dockerfile.v0",
        tags: ["nginx:latest"],
      },
      { id: null, created: null, createdBy: '/bin/sh -c #(nop)  CMD ["sh"]', size: 0, comment: "", tags: [] },
    ],
    explain: async () => EXPLANATION,
    explainDirectory: async (directory) => (directory.startsWith("/") ? DIRECTORY_EXPLANATION : null),
    check: async () => ({ images: 1, layers: 2, unseen: [], findings: [] }),
    tag: async (_source, target) => ({ id: IMAGE_ID, name: target }),
    removeImage: async (image) => ({
      steps: [
        { kind: "untagged", name: image },
        { kind: "deleted", name: IMAGE_ID },
      ],
    }),
    ...fakeContainers(),
    mount: async ({ target }) => target ?? "/root/mounts/1",
    mountDirectories: async () => {},
    unmount: async ({ target }) => target,
    mounts: async () => [
      {
        target: "/mnt",
        image: { id: IMAGE_ID, name: "nginx:latest" },
        container: null,
        readWrite: true,
        mounted: true,
      },
      { target: "/union", image: null, container: null, readWrite: false, mounted: false },
      { target: "/web", image: null, container: { id: CONTAINER_ID, name: "web" }, readWrite: true, mounted: true },
    ],
    unpack: async () => ({ warnings: [] }),
    list: async () => NODES,
    listInPieces: () => inOnePiece(NODES),
    listChanges: async () => [...CHANGED_NODES],
    stat: async () => NODE_DETAILS,
    find: async () => NODES.slice(1),
    findInPieces: () => inOnePiece(NODES.slice(1)),
    compare: async () => COMPARISON,
    waste: async () => ({ ...WASTE, efficiency: 1, wastedBytes: 0, wastedUserPercent: 0 }),
    export: () => bytes(),
    exportToFile: async () => {},
    copyTar: () => bytes(),
    copyOut: async (_image, _path, destination) => ({ target: destination, warnings: [] }),
    copyIn: async () => ({ warnings: [] }),
    copyTarIn: async () => ({ warnings: [] }),
    readFile: async () => bytes(),
    info: async () => ({
      root: "/root",
      driver: "overlay2",
      choice: ["it works on this file system"],
      status: [["Backing Filesystem", "extfs"]],
      images: 2,
      layers: 3,
      containers: { running: 1, stopped: 2 },
      mounts: 1,
      layersSize: 141_499_000,
      readOnly: false,
    }),
    apply: async () => ({ diffID: digestOf("layer"), size: 1, warnings: [] }),
    changes: async () => [
      { kind: "C", path: Buffer.from("/etc") },
      { kind: "A", path: Buffer.from("/etc/a\nb\xff", "latin1") },
    ],
    diffTar: () => bytes(),
    [Symbol.asyncDispose]: async () => {},
  };
}

function recording(engine: Engine, calls: [string, ...unknown[]][]): Engine {
  return new Proxy(engine, {
    get(target, key, receiver) {
      const member = Reflect.get(target, key, receiver);
      if (typeof member !== "function") return member;
      return (...parameters: unknown[]) => {
        calls.push([key === Symbol.asyncDispose ? "close" : String(key), ...parameters]);
        return member.apply(target, parameters);
      };
    },
  });
}

function capture(isTTY: boolean): { readonly stream: OutputStream; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), bytes: () => Buffer.concat(chunks) };
}
