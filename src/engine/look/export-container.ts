import { openContainer } from "../../container/access.ts";
import { treeTar } from "../../container/tree-tar.ts";
import { resolveInRoot } from "../../sys/resolve-in-root.ts";
import type { FoundContainer } from "../containers/container-of-name.ts";

/** A container's merged tree as one tar, as `docker export` writes it: without an entry for the root. */
export async function* exportContainer(
  { stores, container }: FoundContainer,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  using tree = await openContainer(stores, container, "read", signal);
  using root = resolveInRoot(tree.fd, Buffer.from("/"), { followLast: false });
  yield* treeTar(root, { name: Buffer.alloc(0), withStart: false });
}
