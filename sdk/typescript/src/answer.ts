import { isObject } from "./json.js";
import { Later, Never, Rejection } from "./outcome.js";
import { Refusal } from "./refusal.js";

/** An answer, before it is written in the way of a run time. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; undefined where there is no body. */
  readonly body: string | undefined;
}

const maxAnswer = 1 << 20; // bytes
const mostBytes = 3; // that a unit of UTF-16 becomes
const encoder = new TextEncoder();

/** An answer with a body of JSON. */
export const json = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer =>
  written(status, JSON.stringify(value), headers);

const ofJson = { "content-type": "application/json" };

const written = (status: number, body: string, headers?: Readonly<Record<string, string>>): Answer => ({
  status,
  headers: headers ? { ...ofJson, ...headers } : ofJson,
  body,
});

/** Unchanged, or done. */
export const nothing: Answer = { status: 204, headers: {}, body: undefined };

/** A delivery that was handled before. */
export const duplicate: Answer = { status: 204, headers: { "callout-duplicate": "true" }, body: undefined };

/** The answer that a refusal is. */
export const refused = (refusal: Refusal, headers?: Readonly<Record<string, string>>): Answer =>
  json(refusal.status, { code: refusal.code, message: refusal.message }, {
    ...(refusal.code === "method_not_allowed" ? { allow: "POST" } : {}),
    ...headers,
  });

/** Writes what the handler of a call gave. Throws a Refusal: handler_failed. */
export const ofCall = (result: unknown): Answer => {
  if (result === undefined || result === null) return nothing;
  if (result instanceof Rejection) {
    return json(200, { forwardedStatusCode: result.status, forwardedErrorMessage: result.message });
  }
  if (result instanceof Error) throw new Refusal("handler_failed", "the handler of a call answered an error", { cause: result });
  if (!isObject(result)) throw new Refusal("handler_failed", "the handler of a call answered what is no object");
  const text = write(result);
  if (!text.startsWith("{")) throw new Refusal("handler_failed", "the handler of a call answered what is no object");
  if (isTooLong(text)) throw new Refusal("handler_failed", "the answer of the handler has more than 1 MiB");
  return written(200, text);
};

const isTooLong = (text: string): boolean =>
  text.length * mostBytes > maxAnswer && encoder.encode(text).length > maxAnswer;

const write = (value: object): string => {
  try {
    return JSON.stringify(value) ?? "";
  } catch (cause) {
    throw new Refusal("handler_failed", "the answer of the handler cannot be written as JSON", { cause });
  }
};

/** Writes what the handler of an event gave; what else it gives than *later* and *never* is nothing. Throws a Refusal. */
export const ofEvent = (result: unknown): Answer => {
  if (result instanceof Later) {
    const wait = result.after === undefined ? {} : { "retry-after": String(result.after) };
    return json(503, { code: "retry_later", message: result.message }, wait);
  }
  if (result instanceof Never) return json(422, { code: "given_up", message: result.message });
  if (result instanceof Rejection) {
    throw new Refusal("handler_failed", "the handler of an event rejected it: an event has happened", { cause: result });
  }
  return nothing;
};
