/** The twelve hex digits by which Docker's lists name an image or a layer. */
export function shortID(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}
