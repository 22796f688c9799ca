// What goes wrong: one error with the code that `loopchain explain` knows. Decide by `code` and `retryable`, never
// by the text.

/** `code` is `LCnnnn`, `retryable` whether the same request may succeed later. */
export class LoopchainError extends Error {
  constructor(code, message, { retryable = false, help = [], requestId, status, retryAfter } = {}) {
    super(`${code}: ${message}`);
    this.name = "LoopchainError";
    Object.assign(this, { code, detail: message, retryable, help, requestId, status, retryAfter });
  }

  /** The error that the body of a refusal tells. */
  static fromProblem(status, body, retryAfter) {
    const told = body !== null && typeof body === "object" ? body : {};
    const detail = told.detail ?? told.title ?? `the peer answered with status ${status}`;
    return new LoopchainError(told.code ?? "LC9001", detail, {
      retryable: told.retryable === true,
      help: Array.isArray(told.help) ? told.help : told.help ? [told.help] : [],
      requestId: told.request_id,
      status,
      retryAfter,
    });
  }
}

/** A peer that does not answer: another one, or the same one later, may. */
export const unreachable = (message) => new LoopchainError("LC3101", message, { retryable: true });
