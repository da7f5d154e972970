/** A point in time as the kernel keeps it. `seconds` may be negative, `nanoseconds` is 0 to 999999999 and counts forward. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}
