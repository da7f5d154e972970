import { isLayerfsError, printable } from "../../core/errors.ts";

/** A failure for people: what went wrong, and what can be done about it where that is known. */
export function renderError(error: unknown): string {
  const { message, hint } = describe(error);
  return `layerfs: ${printable(message)}\n${hint === undefined ? "" : `hint: ${printable(hint)}\n`}`;
}

/** A failure for programs: one line of JSON with level, code, message and, where they are known, hint and errno. */
export function renderErrorJSON(error: unknown): string {
  return `${JSON.stringify({ level: "error", ...describe(error) })}\n`;
}

interface Description {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly errno?: string | undefined;
}

function describe(error: unknown): Description {
  if (isLayerfsError(error)) {
    return { code: error.code, message: error.message, hint: error.hint, errno: error.errno };
  }
  if (error instanceof Error && "syscall" in error) {
    const errno = "code" in error ? String(error.code) : undefined;
    return { code: "SYSTEM", message: error.message, errno };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "SYSTEM",
    message: `internal error: ${message}`,
    hint: "this is a fault in layerfs; --log-level debug shows where",
  };
}
