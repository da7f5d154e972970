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
