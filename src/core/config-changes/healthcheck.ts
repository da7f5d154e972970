import { printable } from "../errors.ts";
import { type Instruction, invalidChange } from "./instruction.ts";
import { parseExecForm } from "./words.ts";

/** How a container tells whether it is well, with Docker's field names; times in nanoseconds. */
export interface Healthcheck {
  readonly Test: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly Retries?: number;
}

/** Reads the argument of HEALTHCHECK: `NONE`, or `[--interval=…] CMD` with a command. Fails with INVALID_CONFIG. */
export function parseHealthcheck({ flags, argument }: Instruction): Healthcheck {
  const [, type = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(argument) ?? [];
  const options = readOptions(flags);
  switch (type.toUpperCase()) {
    case "":
      throw invalidChange("HEALTHCHECK requires at least one argument");
    case "NONE":
      if (command !== "") throw invalidChange("HEALTHCHECK NONE takes no arguments");
      return { Test: ["NONE"] };
    case "CMD": {
      const words = parseExecForm(command);
      if (command === "" || words?.length === 0) throw invalidChange("Missing command after HEALTHCHECK CMD");
      return { Test: words === null ? ["CMD-SHELL", command] : ["CMD", ...words], ...options };
    }
    default:
      throw invalidChange(`Unknown type ${JSON.stringify(printable(type))} in HEALTHCHECK (try CMD)`);
  }
}

const TIMES = { interval: "Interval", timeout: "Timeout", "start-period": "StartPeriod" } as const;
const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

function readOptions(flags: readonly string[]): Omit<Healthcheck, "Test"> {
  const options: { -readonly [name in Exclude<keyof Healthcheck, "Test">]?: number } = {};
  for (const flag of flags) {
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(flag) ?? [];
    const isTime = Object.hasOwn(TIMES, name);
    if (!isTime && name !== "retries") throw invalidChange(`Unknown flag: ${printable(name)}`);
    if (value === undefined) throw invalidChange(`Missing a value on flag: ${name}`);
    if (value === "") continue;
    if (isTime) options[TIMES[name as keyof typeof TIMES]] = readTime(name, value);
    else options.Retries = readRetries(value);
  }
  // Docker's order.
  const names = ["Interval", "Timeout", "StartPeriod", "Retries"] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

/** A duration as Go writes it, such as `1m30s`. */
function readTime(name: string, text: string): number {
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  const isWhole = /^[-+]?/.exec(text)?.[0].length === text.length - parts.map(([part]) => part).join("").length;
  if (text !== "0" && (parts.length === 0 || !isWhole)) {
    throw invalidChange(`time: invalid duration ${JSON.stringify(printable(text))}`);
  }
  const sum = parts.reduce((total, [, count, unit = ""]) => total + Number(count) * (NANOSECONDS[unit] ?? 0), 0);
  if (text.startsWith("-") || sum < 1e6) throw invalidChange(`Interval "${name}" cannot be less than 1ms`);
  return Math.round(sum);
}

function readRetries(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) {
    throw invalidChange(`strconv.ParseInt: parsing ${JSON.stringify(printable(text))}: invalid syntax`);
  }
  const retries = Number(text);
  if (retries < 1) throw invalidChange(`--retries must be at least 1 (not ${retries})`);
  return retries;
}
