/** A refusal of a call, for the user of the core. It may be returned or thrown. */
export class Rejection extends Error {
  override readonly name = "Rejection";

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    if (!Number.isInteger(status) || status < 400 || status > 499) {
      throw new RangeError(`callout: a call is rejected with a status of 400 to 499, not ${status}`);
    }
    checkMessage(message, 1);
  }
}

/** Says that an event is to be delivered again. It may be returned or thrown. */
export class Later extends Error {
  override readonly name = "Later";

  constructor(
    message: string,
    readonly after?: number,
  ) {
    super(message);
    checkMessage(message, 0);
    if (after !== undefined && !(Number.isInteger(after) && after >= 0)) {
      throw new RangeError("callout: an event comes later by a whole number of seconds");
    }
  }
}

/** Says that an event is never to be delivered again. It may be returned or thrown. */
export class Never extends Error {
  override readonly name = "Never";

  constructor(message: string) {
    super(message);
    checkMessage(message, 0);
  }
}

const checkMessage = (message: string, least: number): void => {
  const size = new TextEncoder().encode(message).length;
  if (size < least || size > 8192) throw new RangeError(`callout: a message has ${least} to 8,192 bytes`);
};

/**
 * Refuses a call: the user of the core gets this status, 400 to 499, and this message, 1 to 8,192 bytes. Throws a
 * RangeError for others. `return reject(…)` and `throw reject(…)` are the same.
 */
export const reject = (status: number, message: string): Rejection => new Rejection(status, message);

/**
 * Has an event delivered again, after so many seconds at least if that is given. What Callout's configuration says of
 * waiting holds beside it.
 */
export const later = (options: { after?: number; message?: string } = {}): Later =>
  new Later(options.message ?? "later", options.after);

/** Makes an event a dead letter at once: no later attempt would help. */
export const never = (message: string): Never => new Never(message);
