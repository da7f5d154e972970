import { NO_TIME } from "../../core/timespec.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long ago `created` (RFC 3339) is at `now` (milliseconds), in Docker's words, such as `2 weeks ago`; `N/A` for null
 * and for Docker's "no time".
 */
export function humanAge(created: string | null, now: number): string {
  const time = created === null ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) || time <= Date.parse(NO_TIME) ? "N/A" : `${humanDuration((now - time) / 1000)} ago`;
}

/** Whole seconds, as Go prints a time; always in UTC. `N/A` for null. */
export function createdAt(created: string | null): string {
  if (created === null) return "N/A";
  return `${new Date(created).toISOString().slice(0, "2026-01-01T00:00:00".length).replace("T", " ")} +0000 UTC`;
}

/** The words and bounds of Docker's lists, of a time in seconds. */
export function humanDuration(duration: number): string {
  const seconds = Math.floor(duration);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(duration / HOUR);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 730) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(duration / DAY / 365)} years`;
}

/** A time that is left, such as `7s`, `3m20s` or `2h05m`. */
export function shortTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < MINUTE) return `${whole}s`;
  const [unit, larger, smaller] = whole < HOUR ? [MINUTE, "m", "s"] : [HOUR, "h", "m"];
  const rest = Math.floor((whole % unit) / (unit / 60));
  return `${Math.floor(whole / unit)}${larger}${String(rest).padStart(2, "0")}${smaller}`;
}
