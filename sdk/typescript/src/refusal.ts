/** The codes that a receiver answers with, beside those of handlers. */
export type Code =
  | "unauthorized"
  | "method_not_allowed"
  | "not_found"
  | "unsupported_media_type"
  | "body_too_large"
  | "body_consumed"
  | "malformed"
  | "unknown_condition"
  | "retry_later"
  | "given_up"
  | "in_progress"
  | "handler_failed"
  | "handler_timeout"
  | "unavailable";

/** What each code is answered with. The messages say nothing of the inside. */
const said: Record<Code, readonly [status: number, message: string]> = {
  unauthorized: [401, "the request is not genuine"],
  method_not_allowed: [405, "a delivery is a POST"],
  not_found: [404, "nothing is served under this path"],
  unsupported_media_type: [415, "the body is JSON, and is not compressed"],
  body_too_large: [413, "the body is too large"],
  body_consumed: [500, "the body was read before it could be checked"],
  malformed: [400, "the body is none that a target is sent"],
  unknown_condition: [404, "no handler covers this condition"],
  retry_later: [503, "later"],
  given_up: [422, "given up"],
  in_progress: [409, "this delivery is being handled"],
  handler_failed: [500, "the handler failed"],
  handler_timeout: [504, "the handler did not answer in time"],
  unavailable: [503, "not available now"],
};

/** Why a request is answered without a handler. The check is for the log alone: a sender never sees it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;

  constructor(
    readonly code: Code,
    /** Which check failed, in words, without anything secret. */
    readonly check: string,
    options?: ErrorOptions & { message?: string },
  ) {
    super(options?.message ?? said[code][1], options);
    this.status = said[code][0];
  }
}

/** The refusal of a request that is not genuine. */
export const notGenuine = (check: string): Refusal => new Refusal("unauthorized", check);
