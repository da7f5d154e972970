import { type Digest, digestOf } from "../../src/core/digest.ts";
import type { FetchedManifest, Repository } from "../../src/source/registry/repository.ts";
import { collect } from "./apply.ts";

/** A registry in memory, which counts what it is asked for. Only what a push needs is there. */
export interface MemoryRegistry {
  /** By repository, without the registry. */
  readonly blobs: Map<string, Map<Digest, Buffer>>;
  /** By repository and tag. */
  readonly manifests: Map<string, FetchedManifest>;
  /** Such as `upload sha256:…`, in order; cleared by the test. */
  readonly requests: string[];
  repository(name: Repository["name"]): Repository;
}

/** `beforeUpload` may fail in the place of the registry. */
export function memoryRegistry(beforeUpload: (digest: Digest) => void = () => {}): MemoryRegistry {
  const blobs = new Map<string, Map<Digest, Buffer>>();
  const manifests = new Map<string, FetchedManifest>();
  const requests: string[] = [];
  const blobsOf = (path: string): Map<Digest, Buffer> => {
    if (!blobs.has(path)) blobs.set(path, new Map());
    return blobs.get(path)!;
  };
  const missing = (): never => {
    throw new Error("a push does not ask for this");
  };
  return {
    blobs,
    manifests,
    requests,
    repository: (name) => ({
      name,
      fetchManifest: missing,
      openBlob: missing,
      hasManifest: missing,
      hasBlob: missing,
      listTags: missing,
      async statBlob(digest) {
        requests.push(`stat ${digest}`);
        const size = blobsOf(name.path).get(digest)?.length;
        return size === undefined ? null : { digest, size };
      },
      async mountBlob(digest, from) {
        requests.push(`mount ${digest} from ${from}`);
        const blob = blobsOf(from).get(digest);
        if (blob !== undefined) blobsOf(name.path).set(digest, blob);
        return blob !== undefined;
      },
      async uploadBlob({ digest, size }, open) {
        requests.push(`upload ${digest}`);
        beforeUpload(digest);
        const bytes = await collect(open());
        if (digestOf(bytes) !== digest || bytes.length !== size) throw new Error(`${digest}: other bytes were sent`);
        blobsOf(name.path).set(digest, bytes);
      },
      async putManifest(manifest, tag) {
        requests.push(`put ${tag}`);
        manifests.set(`${name.path}:${tag}`, manifest);
      },
    }),
  };
}
