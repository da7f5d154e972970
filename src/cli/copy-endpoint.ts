import { usageError } from "./usage.ts";

/** One side of `cp`. */
export type CopyEndpoint =
  | { readonly kind: "stdio" }
  | { readonly kind: "machine"; readonly path: string }
  /** A container or an image. */
  | { readonly kind: "tree"; readonly name: string; readonly path: string };

const TRANSPORTS = /^(docker-archive|oci|oci-archive|dir|docker|docker-root)$/;

/**
 * As `docker cp` reads it: what begins with `/` or `.` or has no colon is a path of this machine. The path of an image, whose
 * name may have colons, begins at the last `:/`; that of a container need not begin with a slash.
 */
export function parseCopyEndpoint(text: string): CopyEndpoint {
  if (text === "-") return { kind: "stdio" };
  const colon = text.includes(":/") ? text.lastIndexOf(":/") : text.indexOf(":");
  if (colon < 0 || /^[/.]/.test(text)) return { kind: "machine", path: text };
  const [name, path] = [text.slice(0, colon), text.slice(colon + 1)];
  if (name !== "" && path !== "" && !TRANSPORTS.test(name)) return { kind: "tree", name, path };
  throw usageError(
    `${text}: expected CONTAINER:PATH or IMAGE:/PATH`,
    "its path begins with the last `:/`, such as nginx:/etc/hosts",
  );
}
