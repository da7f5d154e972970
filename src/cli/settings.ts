import { type Command, Option } from "commander";
import type { EngineOptions } from "../engine/engine.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { type Format, parseFormat } from "./render/format.ts";
import { parseSize } from "./render/size.ts";
import { usageError } from "./usage.ts";
import { packageVersion } from "./version.ts";

/** What the global options say. */
export interface Settings {
  readonly engine: EngineOptions;
  readonly quiet: boolean;
  readonly progress: boolean;
  readonly logLevel: LogLevel;
  readonly format: Format;
}

interface GlobalOptions {
  readonly root?: string;
  readonly driver?: string;
  readonly storageOpt?: readonly string[];
  readonly maxLayerSize?: number | "none";
  readonly insecureRegistry?: readonly string[];
  readonly registryMirror?: readonly string[];
  readonly maxConcurrentDownloads?: number;
  readonly quiet?: boolean;
  readonly progress: boolean;
  readonly logLevel?: LogLevel;
  readonly format?: Format;
}

const GROUP = "Global options:";

/**
 * Gives a command, or the program itself, the options that may stand before and after the verb. A command that has a `-v` of
 * its own, as Docker's has, keeps it.
 */
export function addGlobalOptions(command: Command): void {
  const options = [
    new Option("--root <dir>", "data root (default: $LAYERFS_ROOT, else /var/lib/layerfs or the user's own)"),
    new Option("-s, --driver <name>", "storage driver (default: chosen, see `layerfs info`)"),
    new Option("--storage-opt <key=value>", "option of the storage driver, repeatable").argParser(collectStorageOption),
    new Option("-q, --quiet", "no progress; in lists only ids or directories"),
    new Option("--no-progress", "no progress on the terminal"),
    new Option("--log-level <level>", "which messages go to stderr (default: warn)").choices(LOG_LEVELS),
    new Option("--format <format>", "table, json or a template such as '{{.Repository}} {{json .}}'").argParser(
      parseFormat,
    ),
  ];
  for (const option of options) command.addOption(option.helpGroup(GROUP));
  const isTaken = command.options.some(({ short }) => short === "-v");
  const flags = isTaken ? "--version" : "-v, --version";
  command.optionsGroup(GROUP).version(`layerfs version ${packageVersion()}`, flags, "print the version");
  command.addHelpOption(new Option("-h, --help", "print this help").helpGroup(GROUP));
}

/** The bound of commands that unpack layers. It is accepted before every verb, and after those alone that know it. */
export function maxLayerSizeOption(): Option {
  return new Option("--max-layer-size <size>", "most content of one layer, such as 10GB, 512MiB or none").argParser(
    (text) => (text === "none" ? text : parseSize(text)),
  );
}

/** The bound on downloads, with dockerd's name. Accepted as `maxLayerSizeOption`. */
export function maxConcurrentDownloadsOption(): Option {
  return new Option(
    "--max-concurrent-downloads <count>",
    "layers that are fetched at the same time (default: 3)",
  ).argParser((text) => {
    if (/^[1-9][0-9]?$/.test(text)) return Number(text);
    throw usageError(`--max-concurrent-downloads: expected a number from 1 to 99, found "${text}"`);
  });
}

/** How registries are reached, with dockerd's names. Accepted as `maxLayerSizeOption`. */
export function registryOptions(): Option[] {
  return [
    new Option(
      "--insecure-registry <host>",
      "registry (HOST[:PORT] or CIDR) that may have a wrong certificate or speak http, repeatable",
    ).argParser(collect),
    new Option("--registry-mirror <url>", "ask this one first for what is on Docker Hub, repeatable").argParser(
      collect,
    ),
  ];
}

export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The operand of commands that read an image wherever it lies. */
export const IMAGE_OPERAND =
  "name or id, or a source: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:PATH, docker://REFERENCE";

/** The same for commands that only look into it. */
export const READ_OPERAND: string = `${IMAGE_OPERAND}, docker-root:PATH[:IMAGE]`;

export interface SourceChoice {
  readonly platform?: string;
}

/** Of commands that take a source of images, or make one. */
export function platformOption(whose = "of the image in a source (default: this machine's)"): Option {
  return new Option("--platform <platform>", `OS/ARCHITECTURE[/VARIANT] ${whose}`);
}

export interface TreeChoice {
  readonly type?: "container" | "image";
}

/** Of commands that take a container's name or an image's. */
export function treeTypeOption(): Option {
  return new Option("--type <type>", "what the name is (default: a container, or else an image)").choices([
    "container",
    "image",
  ]);
}

/** Of commands that make an image's config. */
export function changeOption(): Option {
  return new Option(
    "-c, --change <instruction>",
    "change the config by an instruction of a Dockerfile, such as 'CMD [\"sh\"]', repeatable",
  )
    .argParser(collect)
    .default([], "none");
}

/** The number of a layer as all commands count, the lowest is 1; its value is the index. */
export function layerOption(description: string): Option {
  return new Option("--layer <n>", description).argParser((text: string) => parseLayerNumber(text));
}

function parseLayerNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text) - 1;
  throw usageError(`--layer: expected a number, the lowest is 1, found "${text}"`);
}

/** Of commands that pack layers. */
export function compressOption(what: string): Option {
  return new Option("--compress <way>", what).choices(["gzip", "zstd", "none"]);
}

/** What was given after the verb wins over what was given before it; storage options add up. */
export function readSettings(command: Command): Settings {
  const before = command.parent?.opts<GlobalOptions>();
  const after = command.opts<GlobalOptions>();
  const maxLayerSize = after.maxLayerSize ?? before?.maxLayerSize;
  return {
    engine: {
      root: after.root ?? before?.root,
      driver: after.driver ?? before?.driver,
      storageOptions: [...(before?.storageOpt ?? []), ...(after.storageOpt ?? [])],
      maxLayerSize: maxLayerSize === "none" ? null : maxLayerSize,
      registries: {
        insecureRegistries: [...(before?.insecureRegistry ?? []), ...(after.insecureRegistry ?? [])],
        mirrors: [...(before?.registryMirror ?? []), ...(after.registryMirror ?? [])],
      },
      maxConcurrentDownloads: after.maxConcurrentDownloads ?? before?.maxConcurrentDownloads,
    },
    quiet: after.quiet ?? before?.quiet ?? false,
    progress: after.progress && before?.progress !== false,
    logLevel: after.logLevel ?? before?.logLevel ?? "warn",
    format: after.format ?? before?.format ?? { kind: "table" },
  };
}

function collectStorageOption(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[^=]+=/.test(text)) throw usageError(`--storage-opt: expected KEY=VALUE, found "${text}"`);
  return [...before, text];
}
