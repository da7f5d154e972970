import { LayerfsError, printable } from "../core/errors.ts";
import { type NamedReference, parseReference } from "../core/reference.ts";

/** Which of the images of a source is meant: the one of a name, or the n-th, counted from 0. Null: all of them. */
export type Selection = { readonly name: string } | { readonly index: number } | null;

/** A place that images come from, as skopeo writes it (containers-transports(5)): `oci:DIR:TAG`, `docker-archive:FILE`. */
export type SourceName =
  | { readonly transport: "oci" | "oci-archive" | "docker-archive"; readonly path: string; readonly image: Selection }
  | { readonly transport: "dir"; readonly path: string }
  | { readonly transport: "docker"; readonly reference: NamedReference };

const FORM = /^(oci|oci-archive|docker-archive|dir):(.*)$/s;
const REGISTRY = "docker://";
const USAGE: Readonly<Record<SourceName["transport"], string>> = {
  oci: "oci:DIR[:TAG]",
  "oci-archive": "oci-archive:FILE[:TAG]",
  "docker-archive": "docker-archive:FILE[:NAME]",
  dir: "dir:PATH",
  docker: "docker://REFERENCE",
};

/**
 * Reads the name of a source. Null for what names no transport, which is an image of the store. The path ends at its
 * first colon (but for `dir:`), as everywhere in this syntax. Fails with USAGE where the path is missing, with INVALID_REFERENCE
 * for `docker://` and what is no name of an image.
 */
export function parseSourceName(text: string): SourceName | null {
  if (text.startsWith(REGISTRY)) {
    return { transport: "docker", reference: parseReference(text.slice(REGISTRY.length)) };
  }
  const match = FORM.exec(text);
  if (match === null) return null;
  const [transport, rest] = [match[1] as Exclude<SourceName["transport"], "docker">, match[2]!];
  const colon = transport === "dir" ? -1 : rest.indexOf(":");
  const path = colon === -1 ? rest : rest.slice(0, colon);
  if (path === "") throw new LayerfsError("USAGE", `source ${printable(text)}: expected ${USAGE[transport]}`);
  return transport === "dir" ? { transport, path } : { transport, path, image: selection(rest, colon) };
}

function selection(rest: string, colon: number): Selection {
  const text = colon === -1 ? "" : rest.slice(colon + 1);
  if (text === "") return null;
  const index = /^@(\d{1,6})$/.exec(text)?.[1];
  return index === undefined ? { name: text } : { index: Number(index) };
}
