/** A point in time: seconds since 1970 (negative before it) plus 0 to 999 999 999 nanoseconds. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}
