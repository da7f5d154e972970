export function listTree(..._a: unknown[]): never {
  throw new Error("later");
}
export function readTreeFile(..._a: unknown[]): never {
  throw new Error("later");
}
