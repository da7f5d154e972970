import type { Descriptor } from "../../core/descriptor.ts";
import type { ImageDestination, OutgoingManifest } from "../../core/destination.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { familiarString, type NamedReference, withDefaultTag } from "../../core/reference.ts";
import { registryClient } from "./registry-client.ts";
import type { RequestOptions } from "./repository.ts";
import type { RegistrySettings } from "./settings.ts";

/**
 * A tag of a repository, `latest` if the reference has none. The tag is set last: before that nobody finds anything.
 * Fails with USAGE for a reference with a digest, and as `Repository`.
 */
export function registryDestination(
  reference: NamedReference,
  options: Pick<RequestOptions, "onRetry"> & { readonly registries?: RegistrySettings | undefined },
): ImageDestination {
  const { tag, digest } = withDefaultTag(reference);
  if (tag === undefined || digest !== undefined) {
    throw new LayerfsError("USAGE", `docker://${familiarString(reference)}: expected a tag, found a digest`, {
      hint: "an image keeps its digest where it is copied; name the tag that it shall have",
    });
  }
  const { onRetry } = options;
  const client = registryClient(options.registries);
  const repository = client.repository(reference);
  // What an image is found by is put last, after all that it refers to.
  let last: OutgoingManifest | null = null;
  return {
    form: "oci",
    compression: "gzip",
    takesOne: true,
    hasBlob: ({ digest: wanted }, { signal }) => repository.hasBlob(wanted, { signal, onRetry }),
    putBlob: (blob, { signal }) => repository.uploadBlob(blob, () => copies(blob.open()), { signal, onRetry }),
    async putManifest(manifest, { signal }) {
      last = manifest;
      await repository.putManifest(manifest, null, { signal, onRetry });
    },
    async commit(images, { signal }) {
      for (const { descriptor } of images) {
        if (last?.digest !== descriptor.digest) throw noManifest(reference, descriptor);
        await repository.putManifest(last, tag, { signal, onRetry });
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function noManifest(reference: NamedReference, { digest, mediaType }: Descriptor): LayerfsError {
  return new LayerfsError(
    "UNSUPPORTED",
    `docker://${familiarString(reference)}: ${digest} is neither a manifest nor an index, but ${printable(mediaType)}`,
  );
}

/** What is sent is kept until it is on its way; the chunks that come are used again. */
async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
