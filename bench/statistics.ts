/** What one run of a command cost. */
export interface Sample {
  /** Wall-clock time, until what was written is on the disk. */
  readonly seconds: number;
  /** CPU seconds of the process and all its descendants, a daemon's included. */
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** Most resident memory of them together at one instant; pages that processes share count for each. */
  readonly peakBytes: number;
}

/** One peer's runs of one task, in figures. */
export interface Summary {
  readonly runs: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Medians. */
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** The highest of all runs. */
  readonly peakBytes: number;
}

/** Of an even number the mean of the two in the middle; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** There must be at least one sample. */
export function summarise(samples: readonly Sample[]): Summary {
  const seconds = samples.map((sample) => sample.seconds);
  return {
    runs: samples.length,
    median: median(seconds),
    min: Math.min(...seconds),
    max: Math.max(...seconds),
    userSeconds: median(samples.map((sample) => sample.userSeconds)),
    systemSeconds: median(samples.map((sample) => sample.systemSeconds)),
    peakBytes: Math.max(...samples.map((sample) => sample.peakBytes)),
  };
}
