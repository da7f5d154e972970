/** What one run of a command cost. */
export interface Sample {
  /** Wall-clock time, until what was written is on the disk. */
  readonly seconds: number;
  /** CPU seconds of the process and all its descendants, a daemon's included. */
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** Most resident memory of them together at one instant; pages that processes share count for each. */
  readonly peakBytes: number;
  /** Bytes that they wrote into files of a disk. */
  readonly writtenBytes: number;
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
  readonly writtenBytes: number;
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
    writtenBytes: median(samples.map((sample) => sample.writtenBytes)),
    peakBytes: Math.max(...samples.map((sample) => sample.peakBytes)),
  };
}

/** Cells of a table: median s, min-max s, user+sys CPU s, peak RSS MiB. */
export function summaryCells({ median, min, max, userSeconds, systemSeconds, peakBytes }: Summary): string[] {
  return [
    median.toFixed(2),
    `${min.toFixed(2)}-${max.toFixed(2)}`,
    `${userSeconds.toFixed(2)}+${systemSeconds.toFixed(2)}`,
    mebibytes(peakBytes),
  ];
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
