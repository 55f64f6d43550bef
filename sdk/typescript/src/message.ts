import type { Phase } from "./condition.js";
import { isObject, type JsonObject, readObject } from "./json.js";
import { Refusal } from "./refusal.js";

/** A genuine body: what it is, the name that a handler is found by, and the body itself. */
export interface Message {
  readonly phase: Phase;
  readonly name: string;
  readonly body: JsonObject;
}

/** Reads a body, and tells what it is by its members. Throws a Refusal: malformed. */
export const readMessage = (bytes: Uint8Array): Message => {
  let body = readObject(bytes);
  if (own(body, "specversion") === "1.0") {
    const data = own(body, "data");
    if (!isObject(data)) throw new Refusal("malformed", "the data of the CloudEvent is no object");
    body = data;
  }
  const name = own(body, "function");
  if (typeof name === "string") return { phase: "function", name, body };
  const type = own(body, "event_type");
  if (typeof type === "string") return { phase: "event", name: type, body };
  const method = own(body, "fullMethod");
  if (typeof method !== "string") throw new Refusal("malformed", "the body has neither function, nor event_type, nor fullMethod");
  return { phase: Object.hasOwn(body, "response") ? "response" : "request", name: method, body };
};

const own = (body: JsonObject, name: string): unknown => (Object.hasOwn(body, name) ? body[name] : undefined);
