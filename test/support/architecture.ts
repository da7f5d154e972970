import { posix } from "node:path";

/**
 * The folders of src/ from the top down. A folder imports itself and folders of rows below its own; folders of one
 * row do not know each other. A file right below src/ stands for itself: the public entry is `index.ts`.
 */
export const rows: readonly (readonly string[])[] = [
  ["cli", "server", "index.ts"],
  ["engine"],
  ["container"],
  ["image"],
  ["layer"],
  ["mount", "view"],
  ["source", "content", "driver"],
  ["union"],
  ["sys", "tar", "compression"],
  ["core"],
];

/** The packages that may be imported at run time, and the one folder that each of them stays in. */
export const packageHomes: ReadonlyMap<string, string> = new Map([
  ["koffi", "sys"],
  ["commander", "cli"],
  ["undici", "source"],
]);

/** Folders that compute and do no I/O, and the modules of Node that would let them. */
const pureFolders = new Set(["core", "tar", "union", "view"]);
const ioModules = /^node:(fs|net|tls|dgram|http|https|http2|child_process|worker_threads|cluster)(\/|$)/;

/**
 * What is wrong with the imports and the output of one file, one sentence each; none means all is well.
 * `path` is relative to the checkout, such as `src/layer/apply.ts`. Tests may import whatever they need and print.
 */
export function violations(path: string, text: string): string[] {
  const code = withoutComments(text);
  const specifiers = importsOf(code);
  const found = specifiers.flatMap((specifier) => endingViolation(path, specifier));
  if (path.endsWith(".test.ts") || !path.startsWith("src/")) return found;
  const folder = folderOf(path);
  if (rowOf(folder) === -1) return [...found, `${path}: src/${folder} is in no row of the architecture`];
  found.push(...specifiers.flatMap((specifier) => rowViolation(path, folder, specifier)));
  if (folder !== "cli" && /\bconsole\.|\bprocess\.(stdout|stderr)\b/.test(code)) {
    found.push(`${path}: prints, which only src/cli does`);
  }
  return found;
}

/** The module names that a TypeScript file imports, exports from, loads or starts as a worker, in order of their kind. */
export function importsOf(code: string): string[] {
  const forms = [
    /^\s*(?:import|export)\s(?:[^"'`;]*?\sfrom\s*)?["']([^"']+)["']/gm,
    /\bimport\(\s*["'`]([^"'`]+)["'`]/g,
    /\brequire(?:\.resolve)?\(\s*["'`]([^"'`]+)["'`]/g,
    /\bimport\.meta\.resolve\(\s*["'`]([^"'`]+)["'`]/g,
    /\bnew URL\(\s*["'`](\.[^"'`]*\.[cm]?[jt]s)["'`],\s*import\.meta\.url/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ""));
}

function endingViolation(path: string, specifier: string): string[] {
  if (!specifier.startsWith(".") || /\.(ts|json)$/.test(specifier)) return [];
  return [`${path}: imports ${specifier}, which does not end in .ts`];
}

function rowViolation(path: string, folder: string, specifier: string): string[] {
  if (!specifier.startsWith(".")) return packageViolation(path, folder, specifier);
  const target = posix.join(posix.dirname(path), specifier);
  if (!target.startsWith("src/")) return [`${path}: imports ${specifier}, which is outside src/`];
  if (target.endsWith(".test.ts")) return [`${path}: imports the test ${specifier}`];
  const other = folderOf(target);
  if (other === folder || rowOf(other) > rowOf(folder)) return [];
  const why = rowOf(other) === rowOf(folder) ? "its sibling" : rowOf(other) === -1 ? "in no row" : "above it";
  return [`${path}: imports ${specifier}; src/${other} is ${why}`];
}

function packageViolation(path: string, folder: string, specifier: string): string[] {
  if (specifier.startsWith("node:")) {
    if (pureFolders.has(folder) && ioModules.test(specifier))
      return [`${path}: imports ${specifier}; src/${folder} does no I/O`];
    return [];
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const home = packageHomes.get(name);
  if (home === folder) return [];
  return [
    `${path}: imports ${name}, which ${home === undefined ? "is no run-time dependency" : `stays in src/${home}`}`,
  ];
}

/** `layer` for src/layer/apply.ts and for src/layer/deep/er.ts, `index.ts` for src/index.ts. */
function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function rowOf(folder: string): number {
  return rows.findIndex((row) => row.includes(folder));
}

/** Drops block comments that begin a line and whole-line comments: examples in docstrings import what they like. */
function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, "").replace(/^[ \t]*\/\/.*$/gm, "");
}
