/**
 * The one error of the extension: what happened, why, what to do next, and a stable code.
 *
 * Messages are fit to be shown to anyone; they never quote payload, addresses or ids.
 */

/** An error with the code that diagnostics and pages show. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: string;

  /**
   * @param code Stable machine name, such as "malformed" or "bad_signature".
   * @param message What happened, why, what to do next.
   */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Whatever was thrown, as a code and a message for people. */
export function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof Problem) return { code: error.code, message: error.message };
  const kind = error instanceof Error ? error.name : typeof error;
  return {
    code: `internal_${kind.toLowerCase()}`,
    message:
      "Candor met a state it does not know. Nothing was sent. Try again, then report the code.",
  };
}
