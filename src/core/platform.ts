import { LayerfsError, printable } from "./errors.ts";

/** What an image runs on (OCI image-spec, image-index.md), in the words of Go's GOOS and GOARCH. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

const OPERATING_SYSTEMS = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows".split(" "),
);
const OS_ALIASES: ReadonlyMap<string, string> = new Map([["macos", "darwin"]]);
const ARCHITECTURES = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
const ARCHITECTURE_ALIASES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ["i386", ["386"]],
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);
const NODE_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
]);
/** Best first; a machine of one variant also runs those after it. */
const VARIANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["arm", ["v8", "v7", "v6", "v5"]],
  ["amd64", ["v4", "v3", "v2", "v1"]],
]);
const DEFAULT_VARIANTS: ReadonlyMap<string, string> = new Map([
  ["arm", "v7"],
  ["arm64", "v8"],
  ["amd64", "v1"],
]);

/**
 * Reads `os[(osVersion)][/architecture[/variant]]` or an architecture alone; what is not said is this machine's.
 * The result is normal: `x86_64` gives amd64. Fails with INVALID_PLATFORM.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [first, architecture, variant] = parts;
  const os = /^([A-Za-z0-9_.-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/.exec(first!);
  if (os === null || parts.length > 3 || !parts.slice(1).every((part) => /^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(text, "expected OS[/ARCHITECTURE[/VARIANT]]");
  }
  const host = hostPlatform();
  if (architecture === undefined) return parseSingle(text, os[1]!, host, os[2]);
  return normalise({ os: os[1]!, architecture, variant, osVersion: os[2] || undefined });
}

/** The form that `parsePlatform` reads: `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const os = platform.osVersion === undefined ? platform.os : `${platform.os}(${platform.osVersion})`;
  return [os, platform.architecture, platform.variant].filter((part) => part !== undefined).join("/");
}

/**
 * The same platform in the words that images use: aliases resolved, lower case, no variant where it is the
 * architecture's only usual one (arm64/v8, amd64/v1), `v7` where arm has none.
 */
export function normalise(platform: Platform): Platform {
  const named = platform.architecture.toLowerCase();
  const [architecture, impliedVariant] = ARCHITECTURE_ALIASES.get(named) ?? [named];
  const variant = normaliseVariant(architecture, impliedVariant ?? platform.variant?.toLowerCase());
  const os = platform.os.toLowerCase();
  return {
    os: OS_ALIASES.get(os) ?? os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(platform.osVersion !== undefined && { osVersion: platform.osVersion }),
    ...(platform.osFeatures !== undefined && { osFeatures: platform.osFeatures }),
  };
}

/** The platform of this process; images for Linux wherever it runs. */
export function hostPlatform(): Platform {
  return normalise({ os: "linux", architecture: NODE_ARCHITECTURES.get(process.arch) ?? process.arch });
}

/** Whether an image for `candidate` runs where `wanted` is asked for: the same or an older variant of it. */
export function matches(wanted: Platform, candidate: Platform): boolean {
  return rank(wanted, candidate) !== undefined;
}

/** The one of the candidates that suits `wanted` best, the first of equals; undefined if none runs there. */
export function selectPlatform<T>(
  candidates: readonly T[],
  wanted: Platform,
  platformOf: (candidate: T) => Platform | undefined,
): T | undefined {
  let best: { candidate: T; rank: number } | undefined;
  for (const candidate of candidates) {
    const platform = platformOf(candidate);
    const found = platform && rank(wanted, platform);
    if (found !== undefined && (best === undefined || found < best.rank)) best = { candidate, rank: found };
  }
  return best?.candidate;
}

/** 0 for the wanted variant, more for each step down; undefined if it does not run there. */
function rank(wanted: Platform, candidate: Platform): number | undefined {
  const [want, have] = [normalise(wanted), normalise(candidate)];
  if (want.os !== have.os || want.architecture !== have.architecture) return undefined;
  if (want.osVersion !== undefined && want.osVersion !== have.osVersion) return undefined;
  const [wantVariant, haveVariant] = [fullVariant(want), fullVariant(have)];
  if (wantVariant === haveVariant) return 0;
  const order = VARIANTS.get(want.architecture) ?? [];
  const [from, to] = [order.indexOf(wantVariant ?? ""), order.indexOf(haveVariant ?? "")];
  return from === -1 || to < from ? undefined : to - from;
}

function fullVariant(platform: Platform): string | undefined {
  return platform.variant ?? DEFAULT_VARIANTS.get(platform.architecture);
}

function normaliseVariant(architecture: string, variant: string | undefined): string | undefined {
  const named = variant !== undefined && /^\d/.test(variant) ? `v${variant}` : variant || undefined;
  if (architecture === "arm") return named ?? DEFAULT_VARIANTS.get("arm");
  return named === DEFAULT_VARIANTS.get(architecture) ? undefined : named;
}

function parseSingle(text: string, word: string, host: Platform, osVersion: string | undefined): Platform {
  const asArchitecture = normalise({ os: host.os, architecture: word });
  if (osVersion === undefined && ARCHITECTURES.has(asArchitecture.architecture)) return asArchitecture;
  const asOs = normalise({ ...host, os: word, osVersion: osVersion || undefined });
  if (OPERATING_SYSTEMS.has(asOs.os)) return asOs;
  throw invalid(text, "this is neither an operating system nor an architecture that is known");
}

function invalid(text: string, problem: string): LayerfsError {
  return new LayerfsError("INVALID_PLATFORM", `platform "${printable(text.slice(0, 100))}": ${problem}`, {
    hint: "write for example linux/amd64 or linux/arm/v7",
  });
}
