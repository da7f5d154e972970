import { parseRfc3339, type Timespec } from "../core/timespec.ts";
import type { ImageFilters } from "../engine/images/list-images.ts";
import { usageError } from "./usage.ts";

const KEYS = "dangling, label, before, since, reference, until";

/** One `--filter KEY=VALUE`, added to those before it. Fails with USAGE in Docker's words. `now` is in milliseconds. */
export function addImageFilter(filters: ImageFilters, text: string, now: number): ImageFilters {
  const equals = text.indexOf("=");
  if (equals === -1) throw usageError(`--filter: bad format of filter (expected name=value), found "${text}"`);
  const key = text.slice(0, equals).trim().toLowerCase();
  const value = text.slice(equals + 1).trim();
  switch (key) {
    case "dangling":
      return { ...filters, dangling: parseBoolean(value) };
    case "label":
      return { ...filters, labels: [...(filters.labels ?? []), value] };
    case "before":
    case "since":
      return { ...filters, [key]: value };
    case "reference":
      return { ...filters, references: [...(filters.references ?? []), value] };
    case "until":
      return { ...filters, until: parseTime(value, now) };
    default:
      throw usageError(`Invalid filter '${key}'`, `there are ${KEYS}`);
  }
}

function parseBoolean(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw usageError(`Invalid filter 'dangling=[${text}]'`, "expected true or false");
}

const UNIT_SECONDS = { h: 3600, m: 60, s: 1 };

/** A time, a day, seconds since 1970, or how long ago, such as `24h` or `1h30m`. */
function parseTime(text: string, now: number): Timespec {
  const seconds = (value: number): Timespec => {
    const whole = Math.floor(value);
    return { seconds: whole, nanoseconds: Math.floor((value - whole) * 1e9) };
  };
  if (/^\d+(\.\d+)?$/.test(text)) return seconds(Number(text));
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([hms])/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === text) {
    const ago = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_SECONDS[unit as "h" | "m" | "s"], 0);
    return seconds(now / 1000 - ago);
  }
  const time = parseRfc3339(text) ?? parseRfc3339(`${text}T00:00:00Z`) ?? parseRfc3339(`${text}Z`);
  if (time !== undefined) return time;
  throw usageError(
    `Invalid filter 'until=[${text}]'`,
    "expected a time such as 2024-05-01, or how long ago, such as 24h",
  );
}
