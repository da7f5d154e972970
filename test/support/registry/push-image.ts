import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { buildConfig, sha256, type TestImage } from "../image-builder.ts";
import type { TestDescriptor } from "../oci-builder.ts";
import { send } from "./send.ts";

/** Where and how to push by plain HTTP, without a client that is tested elsewhere. */
export interface PushTarget {
  /** `http://127.0.0.1:PORT`; a `TestRegistry` or a `FaultProxy` will do. */
  readonly url: string;
  readonly tls?: { readonly ca: string } | null;
  /** Sent with each request, such as `Basic …` or `Bearer …`. */
  readonly authorization?: string;
}

export interface PushedImage {
  /** Digest of the config. */
  readonly id: string;
  /** `lab/a:1` or `lab/a`. */
  readonly name: string;
  readonly manifest: TestDescriptor;
  readonly config: TestDescriptor;
  /** Lowest first. */
  readonly layers: readonly TestDescriptor[];
}

export interface PushImageOptions {
  readonly form?: "docker" | "oci";
  readonly compress?: "gzip" | "zstd" | "none";
}

const TYPES = {
  docker: {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    none: "application/vnd.docker.image.rootfs.diff.tar",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  },
  oci: {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    none: "application/vnd.oci.image.layer.v1.tar",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  },
};

const COMPRESS = { gzip: gzipSync, zstd: zstdCompressSync, none: (bytes: Buffer): Buffer => bytes };

/** Pushes to `name`, as in `lab/a:1`; without a tag the manifest is there under its digest alone. */
export async function pushImage(
  target: PushTarget,
  name: string,
  image: TestImage,
  options: PushImageOptions = {},
): Promise<PushedImage> {
  const { form = "docker", compress = "gzip" } = options;
  const { repository } = parse(name);
  const types = TYPES[form];
  const { config, id } = buildConfig(image);
  const put = async (mediaType: string, bytes: Buffer): Promise<TestDescriptor> => {
    await pushBlob(target, repository, bytes);
    return { mediaType, size: bytes.length, digest: `sha256:${sha256(bytes)}` };
  };
  const configDescriptor = await put(types.config, config);
  const layers: TestDescriptor[] = [];
  for (const [index, layer] of image.layers.entries()) {
    layers.push(await put(types[compress], image.stored?.(layer, index) ?? COMPRESS[compress](layer)));
  }
  const fields = { schemaVersion: 2, mediaType: types.manifest, config: configDescriptor, layers };
  const manifest = await pushManifest(target, name, types.manifest, Buffer.from(JSON.stringify(fields)));
  return { id, name, manifest, config: configDescriptor, layers };
}

/** Pushes all blobs of an OCI layout's first image or index, and its manifests byte for byte. */
export async function pushLayout(target: PushTarget, name: string, layout: string): Promise<TestDescriptor> {
  const { repository } = parse(name);
  const read = (digest: string): Buffer => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
  const push = async ({ mediaType, digest }: TestDescriptor, tagged: string): Promise<TestDescriptor> => {
    const bytes = read(digest);
    const { manifests, config, layers } = JSON.parse(bytes.toString()) as Partial<LayoutManifest>;
    for (const manifest of manifests ?? []) await push(manifest, repository);
    for (const blob of [config, ...(layers ?? [])]) if (blob) await pushBlob(target, repository, read(blob.digest));
    return pushManifest(target, tagged, mediaType, bytes);
  };
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as LayoutManifest;
  return push(manifests[0]!, name);
}

interface LayoutManifest {
  readonly manifests: readonly TestDescriptor[];
  readonly config: TestDescriptor;
  readonly layers: readonly TestDescriptor[];
}

export async function pushBlob(target: PushTarget, repository: string, bytes: Buffer): Promise<void> {
  const begun = await call(target, "POST", `${target.url}/v2/${repository}/blobs/uploads/`, [202]);
  const location = new URL(begun.headers.location ?? "", target.url);
  location.searchParams.set("digest", `sha256:${sha256(bytes)}`);
  await call(target, "PUT", location, [201], bytes, "application/octet-stream");
}

export async function pushManifest(
  target: PushTarget,
  name: string,
  mediaType: string,
  bytes: Buffer,
): Promise<TestDescriptor> {
  const digest = `sha256:${sha256(bytes)}`;
  const { repository, tag } = parse(name);
  await call(target, "PUT", `${target.url}/v2/${repository}/manifests/${tag ?? digest}`, [201], bytes, mediaType);
  return { mediaType, digest, size: bytes.length };
}

function parse(name: string): { repository: string; tag: string | null } {
  const colon = name.lastIndexOf(":");
  return colon < 0 ? { repository: name, tag: null } : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

async function call(
  { authorization, tls }: PushTarget,
  method: string,
  url: string | URL,
  wanted: readonly number[],
  body?: Buffer,
  type?: string,
): Promise<Awaited<ReturnType<typeof send>>> {
  const headers = {
    ...(authorization && { Authorization: authorization }),
    ...(type && { "Content-Type": type }),
    "Content-Length": body?.length ?? 0,
  };
  const answer = await send(url, { method, headers, ...(body && { body }), ...(tls && { ca: tls.ca }) });
  if (!wanted.includes(answer.status)) {
    throw new Error(`${method} ${url}: ${answer.status}, expected ${wanted}: ${answer.body.toString().trim()}`);
  }
  return answer;
}
