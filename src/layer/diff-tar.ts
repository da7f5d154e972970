export function diffTar(_a: string, _b: string): never {
  throw new Error("later");
}
