import { posix } from "node:path";
import { printable } from "../errors.ts";
import type { RunConfigDocument } from "../run-config.ts";
import { expandWord } from "./expand.ts";
import { parsePorts } from "./exposed-ports.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import { type Instruction, invalidChange, parseInstructions } from "./instruction.ts";
import { parseExecForm, parsePairs, splitWords } from "./words.ts";

/**
 * The config after instructions of a Dockerfile (`docker commit --change`, `docker import --change`), one after the
 * other; each text holds one or more. Allowed are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL,
 * USER, VOLUME and WORKDIR. Fails with INVALID_CONFIG, in Docker's words, and then changes nothing.
 */
export function changeConfig(config: RunConfigDocument, changes: readonly string[]): RunConfigDocument {
  if (changes.length === 0) return config;
  const instructions = parseInstructions(changes.join("\n"));
  for (const { name } of instructions) {
    if (!Object.hasOwn(CHANGES, name)) {
      const allowed = Object.keys(CHANGES).map((known) => known.toUpperCase());
      throw invalidChange(`${printable(name)} is not a valid change command`, `use one of ${allowed.join(", ")}`);
    }
  }
  const draft: Draft = { fields: { ...config }, hasCommand: false };
  for (const instruction of instructions) {
    const [flag] = instruction.flags;
    if (flag !== undefined && instruction.name !== "healthcheck") {
      throw invalidChange(`Unknown flag: ${printable(flag.replace(/=.*/s, ""))}`);
    }
    CHANGES[instruction.name]?.(draft, instruction);
  }
  return draft.fields;
}

interface Draft {
  readonly fields: Record<string, unknown>;
  /** CMD was among the changes: an ENTRYPOINT leaves it alone, and clears any other. */
  hasCommand: boolean;
}

type Change = (draft: Draft, instruction: Instruction) => void;

const CHANGES: Readonly<Record<string, Change>> = {
  cmd(draft, { argument }) {
    draft.fields.Cmd = commandOf(draft, argument);
    draft.hasCommand = true;
  },
  entrypoint(draft, { argument }) {
    const words = argument === "" ? [] : commandOf(draft, argument);
    draft.fields.Entrypoint = words.length === 0 ? null : words;
    if (!draft.hasCommand) draft.fields.Cmd = null;
  },
  env(draft, { argument }) {
    const expand = expanderOf(draft);
    const pairs = parsePairs(argument, "ENV").map(([name, value]) => [expand(name), expand(value)] as const);
    for (const [name, value] of pairs) setVariable(draft, name, `${name}=${value}`);
  },
  expose(draft, { argument }) {
    const words = argumentsOf("EXPOSE", splitWords(argument)).map(expanderOf(draft));
    addKeys(
      draft,
      "ExposedPorts",
      words
        .flatMap((word) => word.split(/\s+/))
        .filter(Boolean)
        .flatMap(parsePorts),
    );
  },
  healthcheck(draft, instruction) {
    draft.fields.Healthcheck = parseHealthcheck(instruction);
  },
  label(draft, { argument }) {
    const expand = expanderOf(draft);
    const pairs = parsePairs(argument, "LABEL").map(([name, value]) => [expand(name), expand(value)] as const);
    draft.fields.Labels = { ...mapOf(draft, "Labels"), ...Object.fromEntries(pairs) };
  },
  onbuild(draft, { argument }) {
    const [, trigger = ""] = /^(\S*)/.exec(argument.toUpperCase()) ?? [];
    if (trigger === "") throw invalidChange("ONBUILD requires at least one argument");
    if (trigger === "ONBUILD") throw invalidChange("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === "FROM" || trigger === "MAINTAINER") {
      throw invalidChange(`${trigger} isn't allowed as an ONBUILD trigger`);
    }
    draft.fields.OnBuild = [...listOf(draft, "OnBuild"), argument];
  },
  stopsignal(draft, { argument }) {
    const signal = expanderOf(draft)(onlyArgument("STOPSIGNAL", argument));
    if (!SIGNAL.test(signal)) throw invalidChange(`Invalid signal: ${printable(signal)}`);
    draft.fields.StopSignal = signal;
  },
  user(draft, { argument }) {
    draft.fields.User = expanderOf(draft)(onlyArgument("USER", argument));
  },
  volume(draft, { argument }) {
    const words = argumentsOf("VOLUME", parseExecForm(argument) ?? argument.split(/\s+/).filter(Boolean));
    const volumes = words.map((word) => expanderOf(draft)(word).trim());
    if (volumes.includes("")) throw invalidChange("VOLUME specified can not be an empty string");
    addKeys(draft, "Volumes", volumes);
  },
  workdir(draft, { argument }) {
    const directory = expanderOf(draft)(onlyArgument("WORKDIR", argument));
    if (directory === "") throw invalidChange("cannot normalize nothing");
    const current = textOf(draft, "WorkingDir");
    draft.fields.WorkingDir = directory.startsWith("/") ? directory : joined("/", current, directory);
  },
};

/** A number, or a name with SIG or without, in any case; the kernel knows 1 to 64. */
const SIGNAL =
  /^(?:[1-9]|[1-5]\d|6[0-4]|(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(?:\+(?:[1-9]|1[0-5]))?|RTMAX(?:-(?:[1-9]|1[0-4]))?))$/i;

const DEFAULT_SHELL = ["/bin/sh", "-c"];

/** The exec form as it is; the shell form as a command of the config's shell. */
function commandOf(draft: Draft, argument: string): string[] {
  const words = parseExecForm(argument);
  if (words !== null) return words;
  const shell = listOf(draft, "Shell");
  return [...(shell.length === 0 ? DEFAULT_SHELL : shell), ...(argument === "" ? [] : [argument])];
}

function setVariable(draft: Draft, name: string, variable: string): void {
  const variables = [...listOf(draft, "Env")];
  const place = variables.findIndex((other) => nameOf(other) === name);
  variables.splice(place < 0 ? variables.length : place, place < 0 ? 0 : 1, variable);
  draft.fields.Env = variables;
}

function expanderOf(draft: Draft): (word: string) => string {
  const environment = new Map<string, string>();
  for (const variable of listOf(draft, "Env")) {
    const name = nameOf(variable);
    if (!environment.has(name)) environment.set(name, variable.slice(name.length + 1));
  }
  return (word) => expandWord(word, environment);
}

function nameOf(variable: string): string {
  return variable.replace(/=.*/s, "");
}

function addKeys(draft: Draft, field: string, keys: readonly string[]): void {
  draft.fields[field] = { ...mapOf(draft, field), ...Object.fromEntries(keys.map((key) => [key, {}])) };
}

function argumentsOf(instruction: string, words: readonly string[]): readonly string[] {
  if (words.length === 0) throw invalidChange(`${instruction} requires at least one argument`);
  return words;
}

function onlyArgument(instruction: string, argument: string): string {
  if (argument === "") throw invalidChange(`${instruction} requires exactly one argument`);
  return argument;
}

function joined(...parts: readonly string[]): string {
  const path = posix.join(...parts);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function listOf({ fields }: Draft, name: string): readonly string[] {
  const value = fields[name];
  return Array.isArray(value) ? value : [];
}

function mapOf({ fields }: Draft, name: string): Readonly<Record<string, unknown>> {
  const value = fields[name];
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function textOf({ fields }: Draft, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}
