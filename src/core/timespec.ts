/** A point in time as the kernel and tar keep it. `seconds` since the epoch may be negative; `nanoseconds` is 0..999999999. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Go's zero time, which Docker writes for a time that it does not know. */
export const NO_TIME = "0001-01-01T00:00:00Z";

/** An RFC 3339 time as Go's RFC3339Nano prints it: without zeros at the end of its fraction. */
export function goTime(time: string): string {
  return time.replace(/(\.\d*?)0+(?=Z|[+-])/, "$1").replace(/\.(?=Z|[+-])/, "");
}

/** Negative, zero or positive, for sorting: earlier first. */
export function compareTimespec(a: Timespec, b: Timespec): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * The time that an RFC 3339 text names, or undefined if it names none. Digits finer than a nanosecond are cut off.
 * Years before 100 are read as written (Docker writes `0001-01-01T00:00:00Z` for "no time").
 */
export function parseRfc3339(text: string): Timespec | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as SixNumbers;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offset = offsetSeconds(match[8], Number(match[9] ?? 0), Number(match[10] ?? 0));
  if (offset === undefined) return undefined;
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset;
  return { seconds, nanoseconds: Number((match[7] ?? "").slice(0, 9).padEnd(9, "0")) };
}

type SixNumbers = [number, number, number, number, number, number];

function offsetSeconds(sign: string | undefined, hours: number, minutes: number): number | undefined {
  if (hours > 23 || minutes > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (hours * 3600 + minutes * 60);
}
