import { LayerfsError } from "../core/errors.ts";

export function usageError(message: string, hint?: string): LayerfsError {
  return new LayerfsError("USAGE", message, { hint });
}

/** Fails with USAGE where a command would wait for bytes that somebody has to type. */
export function refuseTerminalInput(
  stdin: { readonly isTTY?: boolean | undefined },
  wanted: string,
  hint: string,
): void {
  if (stdin.isTTY) throw usageError(`requested ${wanted} from stdin, but stdin is a terminal`, hint);
}

/** Fails with USAGE where a tar would go to somebody's screen. */
export function refuseTerminalOutput(stdout: { readonly isTTY?: boolean | undefined }, hint: string): void {
  if (stdout.isTTY) throw usageError("cowardly refusing to write a tar to a terminal", hint);
}
