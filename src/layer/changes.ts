export function treeChanges(_a: string, _b: string): never {
  throw new Error("later");
}
