import type { Engine, EngineOptions } from "../engine/engine.ts";

export type InputStream = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

/** All that a command touches of the world outside, so that a test runs it in-process. */
export interface Context {
  readonly openEngine: (options: EngineOptions) => Promise<Engine>;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C and the like; its reason is an `Interruption`. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
